"""ARC: the chain of seals that intermediaries leave (RFC 8617)."""

from collections.abc import Sequence
from typing import NamedTuple

from msa.auth import canonical
from msa.auth.canonical import Line
from msa.auth.dkim import Result, Signed, Verdict, find_key, verify_read
from msa.auth.resolver import Resolver
from msa.auth.signature import MAX_INSTANCE, Kind, Reading, read_signature
from msa.auth.tags import read_tags, shown

RESULTS = "arc-authentication-results"
NAMES = frozenset((RESULTS, Kind.ARC_MESSAGE.value, Kind.ARC_SEAL.value))
MAX_FIELDS = 3 * MAX_INSTANCE


class Part(NamedTuple):
    """One of the three fields of a set."""

    line: Line
    reading: Reading  # of the results only the number is read


class ArcSet(NamedTuple):
    """What one intermediary left."""

    results: Part
    message: Part
    seal: Part


class Chain(NamedTuple):
    """The sets in order of their numbers, or what keeps the fields from being a chain."""

    sets: tuple[ArcSet, ...]
    trouble: str  # "" when there is none
    at: Line | None = None  # the field that is to blame


def read_chain(lines: Sequence[Line]) -> Chain:
    """Put the fields of ARC together (section 5.2, steps 1 to 3); never raises."""
    found: dict[tuple[str, int], Part] = {}
    lines = [line for line in lines if line.name in NAMES]
    if len(lines) > MAX_FIELDS:
        return Chain((), f"there are more than {MAX_INSTANCE} sets", lines[0])
    for line in lines:
        number, part = _read(line)
        if number is None:
            trouble = next((each.text for each in part.reading.troubles if each.fatal), "")
            return Chain((), trouble or "its i= can't be read", line)
        if (line.name, number) in found:
            return Chain((), f"there are two of i={number}", line)
        found[line.name, number] = part
    last = max((number for _, number in found), default=0)
    if len(found) != 3 * last:
        return Chain((), "the sets are not complete: each number needs all three fields", lines[0])
    sets = tuple(
        ArcSet(*(found[name, number] for name in (RESULTS, Kind.ARC_MESSAGE, Kind.ARC_SEAL)))
        for number in range(1, last + 1)
    )
    return _with_sound_seals(sets)


def _read(line: Line) -> tuple[int | None, Part]:
    value = line.octets.partition(b":")[2]
    if line.name != RESULTS:
        reading = read_signature(value, Kind(line.name))
        signature = reading.signature
        return (None if signature is None else signature.instance), Part(line, reading)
    # Only the first tag is a tag; what follows are results in a grammar of their own.
    text = value[:100].decode("latin-1").partition(";")[0]
    number = read_tags(text).values.get("i", "")
    good = number.isascii() and number.isdigit() and 1 <= int(number) <= MAX_INSTANCE
    return (int(number) if good else None), Part(line, Reading(None, (), None))


def _with_sound_seals(sets: tuple[ArcSet, ...]) -> Chain:
    for number, each in enumerate(sets, start=1):
        said = each.seal.reading.signature
        assert said is not None  # its number was read
        wanted = "none" if number == 1 else "pass"
        if said.chain != wanted:
            text = f"the seal i={number} says cv={shown(said.chain)} and not cv={wanted}"
            return Chain(sets, text, each.seal.line)
    return Chain(sets, "")


def verify_chain(message: Signed, resolver: Resolver) -> Verdict | None:
    """Verify the newest message signature and every seal; None without ARC. Never raises."""
    chain = read_chain(message.lines)
    if not chain.sets and not chain.trouble:
        return None
    if chain.trouble:
        return Verdict(Result.FAIL, chain.trouble)
    newest = chain.sets[-1].message
    verdict = verify_read(message, newest.line, newest.reading, resolver)
    if verdict.result is not Result.PASS:
        return verdict
    sealed = [canonical.field(part.line, "relaxed") for each in chain.sets for part in each]
    for number in range(len(chain.sets), 0, -1):
        seal = chain.sets[number - 1].seal
        verdict = _verify_seal(seal, sealed[: 3 * number - 1], resolver)
        if verdict.result is not Result.PASS:
            return verdict
    return verdict


def _verify_seal(seal: Part, before: Sequence[bytes], resolver: Resolver) -> Verdict:
    """Verify a seal over the canonical fields before it, and itself (section 5.1.1)."""
    signature = seal.reading.signature
    assert signature is not None  # the chain is sound
    key = find_key(signature, resolver)
    if isinstance(key, Verdict):
        return key
    own = canonical.field(canonical.unsigned(seal.line), "relaxed")
    octets = b"\r\n".join((*before, own))
    if not key.verifies(signature, octets):
        text = f"the seal i={signature.instance} does not match"
        return Verdict(Result.FAIL, text, key.bits, key.testing)
    return Verdict(Result.PASS, "", key.bits, key.testing)
