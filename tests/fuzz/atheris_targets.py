r"""Fuzz one target of `targets.py` by coverage, with atheris.

    python -m tests.fuzz.atheris_targets session --seconds 60

It begins with the dialogues or the corpus of lint, and ends with an input that breaks the target
or when the time is over. The input is written into tests/fuzz/regressions/TARGET/, where
`test_targets.py` finds it.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import atheris

# What was imported before can't be instrumented, and nothing would be found.
with atheris.instrument_imports(include=["msa", "bridge", "sandbox_mta.linting"]):
    from tests.dialogues.test_dialogues import DIALOGUES, octets, steps
    from tests.fuzz.pieces import OF_A_MESSAGE, OF_A_SESSION, OF_AN_EVENT, OF_DNS
    from tests.fuzz.targets import TARGETS

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpus"
REGRESSIONS = HERE / "regressions"
MAX_LENGTH = 4_096  # octets of an input
PATIENCE_S = 10  # for one input; what takes longer is a finding too
MEMORY_MB = 2_048

WORDS = {
    "session": OF_A_SESSION,
    "address": OF_A_SESSION,
    "event": OF_AN_EVENT,
    "authentication": OF_DNS,
}
# What stands before the messages of the corpus.
PREFIX = {
    "linter": b"\1",
    "fixes": b"\1",
    "authentication": b"v=spf1 include:a.example mx a:%{d2}.x -all\0v=DMARC1; p=reject\0\0",
    "reports": b"From ada\r\n",
}
FEW = {
    "address": [
        b"ada@example.org",
        b'"a b"@[IPv6:::1]',
        b"@a.example,@b:u@c",
        "bør@blå.example".encode(),
    ],
    "header": [
        b'Acme, Inc. <a@b.example>, "B" <c@d> (x), team: e@f, g@h;',
        b"text/plain; charset=utf-8; name*0*=utf-8''%c3; name*1=x",
        b"Mon, 24 Nov 2025 03:10:00 +0000",
        b"=?utf-8?q?=C3=A9?= =?utf-8?b?w6k=?=",
    ],
    "proxy": [
        b"PROXY TCP4 192.0.2.7 127.0.0.1 56324 25\r\nEHLO x\r\n",
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x08\x7f\x00\x00\x01\x12\x34\x00\x19",
    ],
    "event": [
        b'content-type=application/cloudevents+json\0{"specversion":"1.0","id":"1","source":"/s","type":"t"}',
        b'content-type=application/json\0{"uuid":"u","content":"{}","timestamp":1}',
        b'content-type=application/json\0{"type":"t","id":4,"data":{"a":[1,null,"b"]}}',
    ],
}


def seeds(name: str) -> Iterator[bytes]:
    """Give the inputs to begin with."""
    if name == "session":
        for dialogue in DIALOGUES:
            said = [
                (who, what) for _, who, what in steps(dialogue.read_text()) if who in ("C:", "R:")
            ]
            yield b"\0\xff" + b"".join(octets(who, what) for who, what in said)
    elif name in FEW:
        yield from FEW[name]
    else:
        prefix = PREFIX.get(name, b"")
        yield from (prefix + path.read_bytes() for path in sorted(CORPUS.glob("*/*.eml")))
    for path in sorted((REGRESSIONS / name).glob("*")):
        yield path.read_bytes()


def dictionary(name: str) -> str:
    """Give the words that libFuzzer puts in, in its notation."""
    words = WORDS.get(name, OF_A_MESSAGE)
    escaped = ("".join(f"\\x{octet:02x}" for octet in word) for word in words)
    return "".join(f'"{word}"\n' for word in escaped)


def main() -> None:
    parser = argparse.ArgumentParser(prog="atheris_targets", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="0: no limit")
    parser.add_argument("--runs", type=int, default=-1, help="inputs to make; -1: no limit")
    parser.add_argument("--into", type=Path, help="folder for what breaks the target")
    arguments = parser.parse_args()
    found = arguments.into or REGRESSIONS / arguments.target
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sandbox-mta-fuzz-") as made:
        folder = Path(made, "corpus")
        folder.mkdir()
        begin = list(seeds(arguments.target))
        for number, seed in enumerate(begin):
            (folder / f"{number:04}").write_bytes(seed[:MAX_LENGTH])
        words = Path(made, "dictionary")
        words.write_text(dictionary(arguments.target))
        options = {
            "dict": words,
            "max_total_time": arguments.seconds,
            # libFuzzer counts those it begins with as well.
            "runs": arguments.runs + len(begin) if arguments.runs >= 0 else -1,
            "max_len": MAX_LENGTH,
            "timeout": PATIENCE_S,
            "rss_limit_mb": MEMORY_MB,
            "artifact_prefix": f"{found}/",
        }
        flags = [f"-{key}={value}" for key, value in options.items()]
        atheris.Setup([sys.argv[0], *flags, str(folder)], TARGETS[arguments.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
