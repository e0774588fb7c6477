from pathlib import Path

import pytest

from sandbox_mta import settings
from sandbox_mta.settings import SettingsError, load, unknown_variables, without_secrets


@pytest.fixture(autouse=True)
def _a_folder_without_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in settings.fields():
        monkeypatch.delenv(settings.ENV_PREFIX + name.upper(), raising=False)


def test_without_configuration_every_setting_has_its_default() -> None:
    found, origins = load()

    assert (found.smtp, found.http, found.kafka) == ("127.0.0.1:1025", "127.0.0.1:8025", "embedded")
    assert origins == {}


def test_an_argument_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("sandbox-mta.toml").write_text('smtp = ":1"\nhttp = ":2"\nlint = "reject"\n')
    monkeypatch.setenv("SANDBOX_MTA_SMTP", ":3")
    monkeypatch.setenv("SANDBOX_MTA_HTTP", ":4")

    found, origins = load({"smtp": ":5", "http": None})

    assert (found.smtp, found.http, found.lint) == (":5", ":4", "reject")
    assert origins == {
        "smtp": "--smtp",
        "http": "SANDBOX_MTA_HTTP",
        "lint": "sandbox-mta.toml:3",
    }


def test_a_file_may_be_named_and_must_then_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_MTA_CONFIG", "other.toml")

    with pytest.raises(SettingsError, match=r"other\.toml: can't read .*: No such file"):
        load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('smtp = ":1"\nhttp ":2"\n', r"sandbox-mta\.toml:2: Expected '=' after a key"),
        ('lint = "accept"\nhtpp = ":2"\n', r"toml:2: unknown setting 'htpp'; did you mean 'http'"),
        ('smtp = "here"\n', r"sandbox-mta\.toml:1: smtp: 'here' is no address"),
        ("max_size = '5 parsec'\n", r"toml:1: max_size: '5 parsec' is no size"),
        ("[topic_defaults.a]\ndefault_too = 'x'\n", r"toml:1: topic_defaults\.a\.default_too: "),
    ],
)
def test_a_broken_file_is_one_line_with_its_place(text: str, message: str) -> None:
    Path("sandbox-mta.toml").write_text(text)

    with pytest.raises(SettingsError, match=message) as caught:
        load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("LINT_SELECT", "HDR,bcc-presnt", "no rule 'bcc-presnt'; did you mean bcc-present"),
        (
            "LINT",
            "mimic=gmial",
            "no lint mode 'mimic=gmial'; there are accept, reject, mimic=gmail",
        ),
        ("LINT_PROFILE", "production", "'txn', 'bulk', 'prod' or 'strict'"),
        ("LINT_DNS", "zone.txt", "zone.txt: the zone file can't be read: No such file"),
        ("STAGES", "msa,mat", "no stage mat; there are msa, mta, bridge, web"),
        ("DATABASE", "postgres://u:secret@h/d", "write sqlite:///file.db or mysql://"),
        ("CLOCK", "fast", 'can\'t run "fast"; use real, manual, or a rate like 60x'),
        ("TOPIC_DEFAULTS", "{", "SANDBOX_MTA_TOPIC_DEFAULTS: topic_defaults: is not JSON"),
        ("TLS_CERT", "cert.pem", "tls_cert and tls_key belong together"),
    ],
)
def test_a_bad_variable_is_one_line_that_names_it(
    name: str, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SANDBOX_MTA_{name}", text)

    with pytest.raises(SettingsError) as caught:
        load()
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "octets"), [("50MB", 50_000_000), ("1 KiB", 1024), ("1.5kb", 1500), ("7", 7)]
)
def test_a_size_may_have_a_unit(text: str, octets: int) -> None:
    assert load({"max_size": text})[0].max_size == octets


def test_lists_are_comma_separated() -> None:
    assert load({"topics": "orders, ^shop.*"})[0].topics == ("orders", "^shop.*")


def test_a_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_MTA_SMPT", ":1")

    assert "SANDBOX_MTA_SMPT; did you mean 'smtp'?" in unknown_variables()


def test_the_webhooks_secrets_are_not_shown() -> None:
    assert settings.without_secrets("webhook_secret", "whsec_abc") == "***"
    assert settings.without_secrets("webhook_secret", None) is None


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("webhook_url", "app:3000", "write http://HOST"),
        ("webhook_format", "soap", "there is no webhook format 'soap'; there are cloudevents"),
        ("webhook_secret", "whsec_not base64", "goes on in base64"),
    ],
)
def test_a_webhook_that_can_not_be_used_is_said_at_start(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        load({name: value})

    assert "not base64" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kafka": "off"}, "needs Kafka"),
        ({"topics": "email-events,mail-status"}, "that are consumed: mail-status"),
        ({"topics": "^mail-.*"}, "that are consumed"),
    ],
)
def test_a_status_topic_that_can_not_work_is_said_at_start(
    given: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        load({"status_topic": "mail-status", **given})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/services/T0/secret?token=x", "https://hooks.example/***"),
        ("https://user:secret@hooks.example:8443/in", "https://hooks.example:8443/***"),
        ("https://us:pw@app.test/hook?a=b@c", "https://app.test/***"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_of_a_webhook_only_the_host_is_shown(url: str, shown: str) -> None:
    assert without_secrets("webhook_url", url) == shown


def test_networks_are_shown_as_they_are_written() -> None:
    loaded, _ = load({"proxy_protocol": "10.0.0.0/8,::1/128"})

    assert without_secrets("proxy_protocol", loaded.proxy_protocol) == "10.0.0.0/8,::1/128"
