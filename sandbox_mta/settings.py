"""Every setting: its name, its default and a sentence; environment over file over default.

Only `app.py` and `cli.py` see a `Settings`; everything else takes plain arguments.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from msa.lint.html.support import DEFAULT_CLIENTS
from msa.lint.options import LintOptions
from msa.lint.profile import DEFAULT, Profile
from sandbox_mta import setting_values
from sandbox_mta.setting_values import (
    STAGES,
    Address,
    Clients,
    Faults,
    Names,
    Networks,
    Octets,
    Rules,
)

ENV_PREFIX = "SANDBOX_MTA_"
DEFAULT_FILE = "sandbox-mta.toml"
SELF_SIGNED = "self-signed"  # in place of a certificate


class SettingsError(Exception):
    """The configuration can't be used; the text is one line that says where and why."""


class TopicDefaults(BaseModel):
    """What a topic's events get when they name no template or recipient themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default_template: str | None = None
    default_to: str | None = None


class Settings(BaseSettings):
    """The settings in force."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    smtp: Address = Field("127.0.0.1:1025", description="where the MSA listens")
    http: Address = Field("127.0.0.1:8025", description="where the web inbox and the API listen")
    http_hosts: Names = Field(
        (),
        description="host names the web answers to besides loopback's; when `http` is no "
        "loopback address it answers to any name",
    )
    database: Annotated[str, AfterValidator(setting_values.database)] = Field(
        "sqlite:///sandbox.db",
        description="`sqlite:///FILE` (relative to the data folder) or "
        "`mysql://USER:PASSWORD@HOST:3306/DATABASE`, with `?ssl_ca=FILE` for TLS",
    )
    kafka: Annotated[str, AfterValidator(setting_values.kafka)] = Field(
        "embedded",
        description="`embedded` (a development broker on 127.0.0.1:9092), `embedded:PORT`, "
        "`HOST:PORT[,...]` of a real cluster, or `off`",
    )
    topics: Names = Field(
        ("email-events",), description="topics to consume, comma separated; a `^pattern` matches"
    )
    group: str = Field("sandbox-mta", description="Kafka consumer group")
    kafka_options: Annotated[
        dict[str, str], NoDecode, BeforeValidator(setting_values.read_json)
    ] = Field(
        default_factory=dict,
        description="security of a real cluster: `security_protocol`, `sasl_mechanism`, "
        "`sasl_plain_username`, `sasl_plain_password`, `ssl_cafile` (a table in the file, "
        "JSON elsewhere)",
    )
    topic_defaults: Annotated[
        dict[str, TopicDefaults], NoDecode, BeforeValidator(setting_values.read_json)
    ] = Field(
        default_factory=dict,
        description="per topic `default_template` and `default_to` (a table in the file, "
        "JSON elsewhere)",
    )
    data: Path = Field(Path("sandbox-data"), description="data folder: database, broker log")
    templates: Path | None = Field(
        None,
        description="templates folder; default: `./templates` when a subfolder of it holds a "
        "`meta.toml`, else the packaged templates",
    )
    scenarios: Path | None = Field(
        None,
        description="scenario file (TOML): what the simulated mail servers answer; read again when "
        "it changes. Default: everything is delivered but what magic addresses ask for",
    )
    lint: Annotated[str, AfterValidator(setting_values.lint_mode)] = Field(
        "accept",
        description="`accept` reports findings and refuses nothing; `reject` refuses errors "
        "in the SMTP session; `mimic=gmail`, `mimic=outlook` and `mimic=yahoo` refuse what that "
        "provider refuses, in its words",
    )
    lint_profile: Profile = Field(
        DEFAULT,
        description="what kind of mail it is meant to be: `txn` (transactional, under "
        "development), `bulk`, `prod` (real recipients get it) or `strict`",
    )
    lint_select: Rules = Field(
        (), description="rules that run: codes, beginnings of codes and names; default: all"
    )
    lint_ignore: Rules = Field(
        (), description="rules that don't run, for example `BOD,subject-missing`"
    )
    fix: bool = Field(
        True,
        description="`on` records what RFC 6409 lets a submission agent fix, beside the submitted "
        "octets; `off` fixes nothing",
    )
    lint_clients: Clients = Field(
        DEFAULT_CLIENTS,
        description="mail clients that should show the message, by caniemail's names: a family "
        "such as `gmail`, or one of its clients, `outlook.windows`",
    )
    lint_dns: Annotated[str, AfterValidator(setting_values.lint_dns)] = Field(
        "off",
        description="what tells lint of keys, SPF, DMARC and exchangers: `off`, a zone file "
        "(RFC 1035), or `live`, which asks the name servers of this machine",
    )
    lint_links: Literal["off", "on"] = Field(
        "off",
        description="`on` asks the servers of the first 100 links of each message, after it was "
        "accepted, whether they lead somewhere (HEAD, then GET)",
    )
    lint_links_allow: Networks = Field(
        (),
        description="networks that link checks may reach though they are private, for example "
        "`10.0.0.0/8,127.0.0.1/32`",
    )
    clock: Annotated[str, AfterValidator(setting_values.clock)] = Field(
        "real", description="clock of retries: `real`, a rate such as `60x`, or `manual`"
    )
    schedule: Annotated[str, AfterValidator(setting_values.schedule)] = Field(
        "postfix",
        description="when deferred mail is tried again: as `postfix`, `exim`, `sendmail`, "
        "`opensmtpd`, `exchange`, `mailgun`, `mox`, `kumomta`, `haraka`, `chasquid` or `stalwart` "
        "do, or intervals such as `1m,5m*2,1h*`",
    )
    zones: Names = Field(
        (),
        description="zone files (RFC 1035), or folders of `*.zone`, that say where mail goes; they "
        "come before the built-in `sim.test`, and the longest origin wins",
    )
    unknown_domains: Literal["accept", "nxdomain", "lookup"] = Field(
        "accept",
        description="domains in no zone: `accept` makes up a mail server for each, to `nxdomain` "
        "there is no such domain, `lookup` asks the name servers of this machine (nothing is sent "
        "there, the domains leave this machine)",
    )
    dns_policy: Annotated[str, AfterValidator(setting_values.dns_policy)] = Field(
        "postfix",
        description="what is made of DNS that gives no route: as `postfix`, `haraka`, "
        "`opensmtpd` or `kumomta` do",
    )
    dns_faults: Faults = Field(
        (),
        description="names whose look-up fails, for example `broken.test=SERVFAIL`; or `TIMEOUT`, "
        "`REFUSED`, `LAME`",
    )
    status_topic: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        description="Kafka topic that is told what becomes of messages: CloudEvents in binary "
        "mode, with the message's id as key; default: none",
    )
    webhook_url: Annotated[str, AfterValidator(setting_values.webhook_url)] | None = Field(
        None,
        description="http or https URL that is told what becomes of messages; a user and password "
        "in it are sent as basic authentication",
    )
    webhook_format: Annotated[str, AfterValidator(setting_values.webhook_format)] = Field(
        "cloudevents",
        description="shape of what is told: `cloudevents`, or that of a provider: `ses-sns`, "
        "`sendgrid`, `mailgun`, `postmark`, `resend`",
    )
    webhook_secret: Annotated[str, AfterValidator(setting_values.webhook_secret)] | None = Field(
        None,
        description="signs what is told (HMAC-SHA256, standardwebhooks.com); `whsec_` and base64, "
        "or any text",
    )
    webhook_private: bool = Field(
        False,
        description="`on` lets the host name of `webhook_url` lead to a private address, as in a "
        "container network; `localhost` and an address written out need no permission",
    )
    suppression: bool = Field(
        False,
        description="`on` keeps addresses that bounced for good, or whose owner complained, on a "
        "list (`/api/v2/suppressions`); what is sent to them is `suppressed`, as at providers",
    )
    auth: Literal["any", "required", "off"] = Field(
        "any",
        description="`any` offers AUTH and accepts anybody, `required` demands it (of anybody), "
        "`off` does not offer it",
    )
    smtps: Address | None = Field(
        None, description="where the MSA listens with TLS from the first octet; default: nowhere"
    )
    tls_cert: Path | None = Field(
        None,
        description="certificate (PEM) for STARTTLS and `smtps`, or `self-signed` for one made in "
        "the data folder; default: no STARTTLS, and a self-signed one for `smtps`",
    )
    tls_key: Path | None = Field(None, description="key (PEM) of the certificate")
    proxy_protocol: Networks = Field(
        (),
        description="networks whose connections to `smtp` begin with a PROXY header (version 1 or "
        "2), for example `10.0.0.0/8`; the client's address is taken from it",
    )
    retention: Annotated[str, AfterValidator(setting_values.retention)] = Field(
        "all",
        description="messages that are kept: `all`, the newest so many (`10000`), or those younger "
        "than an age (`7d`); what is still to be delivered always stays",
    )
    hostname: str = Field("sandbox.test", description="name in the greeting and in reports")
    max_size: Octets = Field(50_000_000, description="largest message, for example `50MB`")
    max_recipients: int = Field(1000, ge=1, le=1000, description="recipients of one message")
    connections_per_host: int = Field(1000, ge=1, description="SMTP connections of one client")
    idle_timeout: float = Field(300.0, gt=0, description="seconds an SMTP session may be silent")
    submit: Address | None = Field(
        None,
        description="where the bridge submits; default: the sandbox's own MSA. With another "
        "host mail leaves the machine",
    )
    submission_keys: bool = Field(
        True, description="`off` turns XSUBMISSIONKEY off: a crash may then mail an event twice"
    )
    instance: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,40}$",
        description="name of this process in leases and the consumer group; default: a random "
        "name kept in the data folder",
    )
    log: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe log record to show; `info` has a line a message"
    )
    stages: Annotated[Names, AfterValidator(setting_values.stages)] = Field(
        STAGES, description="stages this process runs: `msa,mta,bridge,web`"
    )

    @property
    def lint_options(self) -> LintOptions:
        """How messages are linted."""
        return LintOptions(
            profile=self.lint_profile,
            select=self.lint_select,
            ignore=self.lint_ignore,
            clients=self.lint_clients,
            dns=self.lint_dns,
            links=self.lint_links == "on",
            links_allow=tuple(map(str, self.lint_links_allow)),
        )

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        made = str(self.tls_cert) == SELF_SIGNED
        if (self.tls_cert is None or made) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together")
        return self

    @model_validator(mode="after")
    def _check_status_topic(self) -> Self:
        if self.status_topic is None:
            return self
        if self.kafka == "off":
            raise ValueError("status_topic needs Kafka, which is off")
        for topic in self.topics:
            is_pattern = topic.startswith("^")
            if topic == self.status_topic or (is_pattern and re.match(topic, self.status_topic)):
                # Each status would be an event that makes mail, which has a status.
                raise ValueError(f"status_topic is one of the topics that are consumed: {topic}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `load` reads the sources one by one, since it tells where each value came from.
        return (init_settings,)


def fields() -> Mapping[str, FieldInfo]:
    """Return every setting by name, in the order of the documentation."""
    return Settings.model_fields


def default_text(field: FieldInfo) -> str:
    """Return a setting's default as people write it."""
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == {}:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def load(arguments: Mapping[str, Any] | None = None) -> tuple[Settings, dict[str, str]]:
    """Read the settings: arguments over environment over file over defaults.

    Returns them with the origin of every one that is not at its default: `--smtp`,
    `SANDBOX_MTA_SMTP` or `sandbox-mta.toml:3`. Raises `SettingsError`.
    """
    given = {name: value for name, value in (arguments or {}).items() if value is not None}
    path, text = _find_file(given.pop("config", None))
    values, origins = _read_file(path, text) if path else ({}, {})
    for name, value in EnvSettingsSource(Settings)().items():
        values[name], origins[name] = value, ENV_PREFIX + name.upper()
    for name, value in given.items():
        values[name], origins[name] = value, "--" + name.replace("_", "-")
    try:
        return Settings(**values), origins
    except ValidationError as error:
        raise SettingsError(_explain(error, origins)) from None


def _find_file(argument: str | None) -> tuple[Path | None, str]:
    chosen = argument or os.environ.get(ENV_PREFIX + "CONFIG")
    path = Path(chosen or DEFAULT_FILE)
    if not chosen and not path.exists():
        return None, ""
    try:
        return path, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise SettingsError(f"{path}: can't read the configuration file: {reason}") from None


def _read_file(path: Path, text: str) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        where = f"{path}:{line[1] if line else text.count(chr(10)) + 1}"
        raise SettingsError(f"{where}: {message}") from None
    origins = {name: f"{path}:{_line_of(name, text)}" for name in values}
    for name in values:
        if name not in Settings.model_fields:
            raise SettingsError(f"{origins[name]}: unknown setting {name!r}{_suggest(name)}")
    return values, origins


def _line_of(name: str, text: str) -> int:
    pattern = re.compile(rf"\s*\[?\s*[\"']?{re.escape(name)}\b")
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.match(line):
            return number
    return 1


def unknown_variables() -> list[str]:
    """Name the variables with our prefix that mean nothing, each with a suggestion."""
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields}
    known |= {ENV_PREFIX + "CONFIG", ENV_PREFIX + "FAULT"}
    return [
        name + _suggest(name.removeprefix(ENV_PREFIX).lower())
        for name in sorted(os.environ)
        if name.startswith(ENV_PREFIX) and name not in known
    ]


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    """Say the first problem in one line, with its place; never the value of a secret."""
    problem = error.errors(include_url=False, include_input=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else ""
    rest = ".".join(str(part) for part in problem["loc"][1:])
    message = problem["msg"].removeprefix("Value error, ")
    where = origins.get(name, "configuration")
    return f"{where}: {'.'.join(filter(None, (name, rest)))}: {message}".replace(": : ", ": ")


def without_secrets(name: str, value: Any) -> Any:
    """Return a setting's value as it may be shown: passwords are left out."""
    if name in _HIDING and value is not None:
        return _HIDING[name](value)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if name == "topic_defaults":
        return {key: defaults.model_dump(exclude_none=True) for key, defaults in value.items()}
    return value


def _without_passwords(options: Mapping[str, str]) -> dict[str, str]:
    return {key: "***" if "password" in key else text for key, text in options.items()}


_HIDING: Mapping[str, Callable[[Any], Any]] = {
    "database": lambda url: re.sub(r"(?<=://)([^/@:]*):.*@", r"\1:***@", url),
    "kafka_options": _without_passwords,
    # Some services put a token into the path or the query.
    "webhook_url": lambda url: re.sub(
        r"(?<=://)(?:[^/?#]*@)?([^/?#]*)(?:(/).+)?$",
        lambda m: m[1] + (f"{m[2]}***" if m[2] else ""),
        url,
    ),
    "webhook_secret": lambda _: "***",
}
