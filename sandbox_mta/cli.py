"""The command line: arguments to calls. What a program reads goes to stdout, all else to stderr.

Exit status: 0 done, 1 the answer is no, 2 it could not run. Heavy modules are imported by the
command that needs them, so that `--help` and the SMTP greeting don't wait for them.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from sandbox_mta import settings as configuration
from sandbox_mta.settings import Settings, SettingsError

CANT_RUN = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback is for whoever mends us: plain text
    rich_markup_mode=None,
    help="A sandbox for e-mail: submit, lint, simulate the delivery and inspect, from SMTP and "
    "from Kafka. Start with `sandbox-mta serve`, then send mail to 127.0.0.1:1025.",
)
clock_app = typer.Typer(no_args_is_help=True, help="Read and move the clock of a running sandbox.")
settings_app = typer.Typer(no_args_is_help=True, help="Show the settings.")
zones_app = typer.Typer(no_args_is_help=True, help="Check zone files, and make one.")
app.add_typer(clock_app, name="clock")
scenarios_app = typer.Typer(
    no_args_is_help=True, help="Check scenario files, and explain what they do."
)
app.add_typer(scenarios_app, name="scenarios")
app.add_typer(settings_app, name="settings")
app.add_typer(zones_app, name="zones")

Command = Callable[..., None]


def with_settings(*names: str) -> Callable[[Callable[..., None]], Command]:
    """Give a command options for the named settings, or for all, and call it with `Settings`."""
    offered = names or tuple(configuration.fields())

    def decorate(command: Callable[..., None]) -> Command:
        def run(**options: Any) -> None:
            chosen = {name: options.pop(name) for name in ("config", *offered)}
            with errors_as_lines():
                loaded, origins = configuration.load(chosen)
                for name in configuration.unknown_variables():
                    _say(f"warning: {name} means nothing")
                command(loaded, origins, **options)

        own = list(inspect.signature(command).parameters.values())[2:]
        signature = inspect.Signature([*own, *_options(offered)])
        run.__signature__ = signature  # type: ignore[attr-defined] # Typer reads it
        run.__doc__, run.__name__ = command.__doc__, command.__name__
        return run

    return decorate


def _options(names: Sequence[str]) -> Iterator[inspect.Parameter]:
    yield _option("config", "configuration file (TOML); default: ./sandbox-mta.toml if it exists")
    for name in names:
        field = configuration.fields()[name]
        default = configuration.default_text(field)
        shown = f" [default: {default}]" if default else ""
        yield _option(name, f"{field.description}{shown}")


def _option(name: str, text: str) -> inspect.Parameter:
    flag = typer.Option(
        "--" + name.replace("_", "-"), help=text, show_default=False, metavar="VALUE"
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, flag]
    )


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Turn what can go wrong for a user into one line on stderr and exit status 2."""
    from sandbox_mta.app.trouble import Trouble
    from sandbox_mta.data_folder import DataFolderError
    from sandbox_mta.linting.command import CantLint
    from sandbox_mta.listeners import CantListen

    try:
        yield
    except (SettingsError, Trouble, DataFolderError, CantListen, CantLint) as error:
        _fail(str(error))
    except BrokenPipeError:
        # The reader of our output has left, for example `| head`.
        sys.stderr.close()
        raise typer.Exit(CANT_RUN) from None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fail(line: str) -> NoReturn:
    _say(f"sandbox-mta: {line}")
    raise typer.Exit(CANT_RUN)


Origins = Mapping[str, str]


@app.command()
@with_settings()
def serve(settings: Settings, _origins: Origins) -> None:
    """Run the sandbox: SMTP, delivery, Kafka bridge and web, until SIGTERM or Ctrl-C.

    Every option is also a variable, SANDBOX_MTA_SMTP for --smtp, and a key of the configuration
    file, smtp = "...". An option wins over a variable, and that over the file.
    """
    from sandbox_mta.app import serve as run

    raise typer.Exit(run(settings))


@app.command()
@with_settings("database", "data", "hostname")
def dump(
    settings: Settings,
    _origins: Origins,
    query: Annotated[
        str | None,
        typer.Argument(help="which messages, e.g. 'to:bob state:bounced after:1h'; default: all"),
    ] = None,
    format: Annotated[  # the option's name is a contract
        str, typer.Option("--format", help="jsonl (an object a message), eml (a file each) or mbox")
    ] = "jsonl",
    output: Annotated[
        Path | None, typer.Option("--output", help="file, or folder for eml; default: stdout")
    ] = None,
    content: Annotated[
        bool, typer.Option("--content", help="add the octets to each object, as base64")
    ] = False,
    version: Annotated[
        str,
        typer.Option(
            "--version",
            help="which octets: submitted, fixed (RFC 6409) or delivered (with trace fields)",
        ),
    ] = "submitted",
) -> None:
    """Write stored messages out, in order of arrival. Needs no running sandbox.

    Words of a query are ANDed: to: from: subject: state: kind: template: after: before: id:, quotes
    for several words, - for not.
    """
    from sandbox_mta.app.reading import Form
    from sandbox_mta.app.reading import dump as run

    form = Form(name=format, output=output, with_content=content, version=version)
    dumped = asyncio.run(run(settings, query or "", form))
    if dumped.left_out:
        _say(f"{dumped.left_out} left out: refused, or not linted yet, and so never {version}")
    _say(f"{dumped.written} message{'' if dumped.written == 1 else 's'}")


@app.command("lint")
def lint_command(  # noqa: PLR0913 # its options are a contract
    files: Annotated[
        list[str] | None,
        typer.Argument(help="messages (.eml) and mailboxes (mbox), or - for stdin; default: stdin"),
    ] = None,
    *,
    format: Annotated[str, typer.Option("--format", help="text, jsonl, sarif or junit")] = "text",
    profile: Annotated[
        str | None, typer.Option("--profile", help="txn, bulk, prod or strict; default: txn")
    ] = None,
    select: Annotated[
        str | None, typer.Option("--select", help="rules that run: codes, families, names")
    ] = None,
    ignore: Annotated[str | None, typer.Option("--ignore", help="rules that don't run")] = None,
    dns: Annotated[
        str | None, typer.Option("--dns", help="a zone file, or live: what answers look-ups")
    ] = None,
    mail_from: Annotated[
        str | None, typer.Option("--mail-from", help="reverse-path of an envelope to judge too")
    ] = None,
    rcpt: Annotated[
        list[str] | None, typer.Option("--rcpt", help="forward-path of it; may be repeated")
    ] = None,
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="exit with 1 at: error, warning or info")
    ] = "error",
    structure: Annotated[
        bool, typer.Option("--structure", help="show the MIME tree instead, a JSON line a part")
    ] = False,
    explain: Annotated[
        str | None, typer.Option("--explain", help="say what a rule means: its code or name")
    ] = None,
    clients: Annotated[
        str | None,
        typer.Option("--clients", help="mail clients that should show it: gmail,outlook"),
    ] = None,
    links: Annotated[
        bool, typer.Option("--links", help="ask the servers of links whether they lead somewhere")
    ] = False,
    config: Annotated[
        str | None, typer.Option("--config", help="configuration file (TOML)")
    ] = None,
) -> None:
    """Lint messages in files. Needs no running sandbox.

    What the variables SANDBOX_MTA_LINT_PROFILE, _SELECT, _IGNORE, _DNS, _CLIENTS and _LINKS say
    holds here too; an option wins. Exit status 1 when there are findings of --fail-on or worse.
    """
    from sandbox_mta.linting import command

    chosen = {
        "lint_profile": profile,
        "lint_select": select,
        "lint_ignore": ignore,
        "lint_dns": dns,
        "lint_clients": clients,
        "lint_links": "on" if links else None,
    }
    with errors_as_lines():
        if explain is not None:
            raise typer.Exit(command.explain(explain))
        if structure:
            raise typer.Exit(command.show_structure(files or ()))
        try:
            settings, _ = configuration.load({"config": config, **chosen})
        except SettingsError as error:
            raise SettingsError(str(error).replace("--lint-", "--", 1)) from None
        request = command.Request(
            files=files or (),
            options=settings.lint_options,
            format=format,
            fail_on=fail_on,
            reverse_path=mail_from,
            forward_paths=rcpt or (),
        )
        raise typer.Exit(command.lint_files(request))


@app.command()
def address(
    texts: Annotated[list[str] | None, typer.Argument(help="addresses, without names")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="read one JSON string a line from stdin; implies --json")
    ] = False,
) -> None:
    """Grade addresses: valid, unusual, commented, obsolete, unroutable or invalid.

    DNS is not asked. Exit status 1 when any is invalid.
    """
    from sandbox_mta.linting import command

    with errors_as_lines():
        status = command.grade_addresses(texts or (), as_json=as_json, from_stdin=jsonl)
        raise typer.Exit(status)


@app.command()
@with_settings("database", "data")
def migrate(settings: Settings, _origins: Origins) -> None:
    """Bring the database's tables up to date. `serve` does it by itself at its start."""
    from sandbox_mta.app.reading import migrate as run

    _say(asyncio.run(run(settings)))


@app.command()
@with_settings("kafka", "kafka_options")
def produce(
    settings: Settings,
    _origins: Origins,
    topic: Annotated[str, typer.Argument(help="topic to produce to")],
    file: Annotated[
        Path | None, typer.Argument(help="JSON data of the event, or - for stdin; default: stdin")
    ] = None,
    type: Annotated[  # CloudEvents' word
        str | None,
        typer.Option("--type", help="event type: makes a CloudEvent; default: the file as it is"),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="recipient, put into the data")] = None,
    key: Annotated[str | None, typer.Option("--key", help="key of the record")] = None,
) -> None:
    """Produce one event to the sandbox's Kafka, for example a template's sample.

    sandbox-mta produce email-events templates/welcome/samples/rich.json --type welcome --to a@b.c
    """
    from sandbox_mta.app.producing import produce as run

    octets = sys.stdin.buffer.read() if file is None or str(file) == "-" else _read(file)
    place = asyncio.run(run(settings, topic, octets, type=type, to=to, key=key))
    print(place)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        _fail(f"can't read {file}: {error.strerror}")


@clock_app.command("now")
@with_settings("http")
def clock_now(
    settings: Settings,
    _origins: Origins,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Print the time of the sandbox's clock."""
    from sandbox_mta.app.remote import call

    answer = call(settings.http, "GET", "/api/v2/clock")
    print(json.dumps(answer) if as_json else answer["now"])


@clock_app.command("advance")
@with_settings("http")
def clock_advance(
    settings: Settings,
    _origins: Origins,
    by: Annotated[str | None, typer.Option("--by", help="a duration: 90s, 4h, 1d12h")] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="idle: until no recipient waits any more")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Move the clock forward, and with it every retry that falls due; waits until they are made."""
    from sandbox_mta.app.remote import call

    wanted = {name: value for name, value in (("by", by), ("until", until)) if value is not None}
    if len(wanted) != 1:
        _fail("say either --by DURATION or --until idle")
    answer = call(settings.http, "POST", "/api/v2/clock/advance", wanted)
    print(json.dumps(answer) if as_json else answer["now"])
    if until and not answer["is_idle"]:
        _say("some recipients still wait")
        raise typer.Exit(1)


@scenarios_app.command("check")
def scenarios_check(
    files: Annotated[list[Path], typer.Argument(help="scenario files (TOML)")],
) -> None:
    """Say what is wrong in scenario files, with file and line. Exit status 1 when anything is."""
    from sandbox_mta.app.scenarios import check
    from sandbox_mta.app.trouble import Trouble

    status = 0
    for file in files:
        try:
            print(check(file))
        except Trouble as trouble:
            _say(str(trouble))
            status = 1
    raise typer.Exit(status)


@scenarios_app.command("explain")
@with_settings("scenarios", "database", "data")
def scenarios_explain(  # noqa: PLR0913, PLR0917 # a parameter is an option
    settings: Settings,
    _origins: Origins,
    message: Annotated[str | None, typer.Argument(help="id of a stored message")] = None,
    rcpt: Annotated[
        str | None, typer.Option("--rcpt", help="recipient of a message that need not exist")
    ] = None,
    reverse_path: Annotated[str, typer.Option("--from", help="its reverse-path")] = "",
    header: Annotated[
        list[str] | None, typer.Option("--header", help='a field of it, "Name: value"')
    ] = None,
    size: Annotated[int, typer.Option("--size", min=0, help="its size in octets")] = 1000,
    at: Annotated[
        datetime | None, typer.Option("--at", help="time of the clock, UTC; default: now")
    ] = None,
    attempt: Annotated[int, typer.Option("--attempt", min=1, help="number of the attempt")] = 1,
) -> None:
    """Tell which rule decides and why the others don't, for a message or a made-up one.

    What greylists, rates and counters remember in a running sandbox is not looked at.
    """
    from sandbox_mta.app import explaining

    if (message is None) == (rcpt is None):
        _fail("name either a message or a recipient (--rcpt)")
    if message is not None:

        async def explain() -> None:
            async for line in explaining.explain_message(settings, message, attempt):
                print(line)

        asyncio.run(explain())
        return
    mail = explaining.Mail(
        forward_path=rcpt or "",
        reverse_path=reverse_path,
        header=tuple(header or ()),
        size_octets=size,
        attempt=attempt,
        at=at.replace(tzinfo=UTC) if at else None,
    )
    for line in explaining.explain_mail(settings, mail):
        print(line)


@settings_app.command("show")
@with_settings()
def settings_show(
    settings: Settings,
    origins: Origins,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Print each setting, its value and where the value comes from."""
    rows = {
        name: {
            "value": _shown(name, getattr(settings, name)),
            "origin": origins.get(name, "default"),
        }
        for name in configuration.fields()
    }
    if as_json:
        print(json.dumps(rows, default=str))
        return
    width = max(map(len, rows))
    for name, row in rows.items():
        print(f"{name:{width}}  {row['value']!s:40}  {row['origin']}")


@zones_app.command("check")
def zones_check(
    files: Annotated[
        list[Path], typer.Argument(help="zone files (RFC 1035), and folders of *.zone files")
    ],
) -> None:
    """Say what is wrong in zone files, with file and line. Exit status 1 when one can't be used."""
    from sandbox_mta.app.zones import check

    if not check(files, print):
        raise typer.Exit(1)


@zones_app.command("export")
@with_settings("database", "data")
def zones_export(
    settings: Settings,
    _origins: Origins,
    output: Annotated[
        Path | None, typer.Option("--output", help="zone file; default: stdout")
    ] = None,
) -> None:
    """Write what name servers answered (SANDBOX_MTA_UNKNOWN_DOMAINS=lookup) as a zone file.

    With it in SANDBOX_MTA_ZONES mail is routed the same way again, and nobody is asked.
    """
    from sandbox_mta.app.reading import export_zone

    count = asyncio.run(export_zone(settings, output))
    _say(f"{count} answer{'' if count == 1 else 's'}")


def _shown(name: str, value: Any) -> Any:
    from sandbox_mta.settings import without_secrets

    return without_secrets(name, value)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
