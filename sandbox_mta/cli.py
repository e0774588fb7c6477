"""The command line: arguments to calls. What a program reads goes to stdout, all else to stderr.

Exit status: 0 done, 1 the answer is no, 2 it could not run. Heavy modules are imported by the
command that needs them, so that `--help` and the SMTP greeting don't wait for them.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer

from sandbox_mta import settings as configuration
from sandbox_mta.settings import Settings, SettingsError

CANT_RUN = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="A sandbox for e-mail: submit, lint, simulate the delivery and inspect, from SMTP and "
    "from Kafka. Start with `sandbox-mta serve`, then send mail to 127.0.0.1:1025.",
)
clock_app = typer.Typer(no_args_is_help=True, help="Read and move the clock of a running sandbox.")
settings_app = typer.Typer(no_args_is_help=True, help="Show the settings.")
app.add_typer(clock_app, name="clock")
app.add_typer(settings_app, name="settings")

Command = Callable[..., None]


def with_settings(command: Callable[..., None]) -> Command:
    """Give a command one option for each setting, and call it with the `Settings` in force."""

    def run(**options: Any) -> None:
        chosen = {name: options.pop(name) for name in ("config", *configuration.fields())}
        with errors_as_lines():
            loaded, origins = configuration.load(chosen)
            for name in configuration.unknown_variables():
                _say(f"warning: {name} means nothing")
            command(loaded, origins, **options)

    own = list(inspect.signature(command).parameters.values())[2:]
    run.__signature__ = inspect.Signature(own + list(_options()))  # type: ignore[attr-defined] # Typer reads it
    run.__doc__, run.__name__ = command.__doc__, command.__name__
    return run


def _options() -> Iterator[inspect.Parameter]:
    yield _option("config", "configuration file (TOML); default: ./sandbox-mta.toml if it exists")
    for name, field in configuration.fields().items():
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
    from sandbox_mta.data_folder import DataFolderError

    try:
        yield
    except (SettingsError, DataFolderError) as error:
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
@with_settings
def serve(settings: Settings, _origins: Origins) -> None:
    """Run the sandbox: SMTP, delivery, Kafka bridge and web, until SIGTERM or Ctrl-C.

    Every option is also a variable, SANDBOX_MTA_SMTP for --smtp, and a key of the configuration
    file, smtp = "...". An option wins over a variable, and that over the file.
    """
    from sandbox_mta.app import serve as run

    raise typer.Exit(run(settings))


@settings_app.command("show")
@with_settings
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


def _shown(name: str, value: Any) -> Any:
    from sandbox_mta.settings import without_secrets

    return without_secrets(name, value)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
