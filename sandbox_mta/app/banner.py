"""The few lines that say where everything is, with one thing to try for each."""

from bridge.broker.broker import BANNER as BROKER_BANNER
from bridge.rendering.catalogue import find_templates
from sandbox_mta.app import kafka
from sandbox_mta.listeners import reachable, split
from sandbox_mta.settings import Settings, default_text, fields


def text(settings: Settings, database: str, fingerprint: str = "") -> str:
    """Return the banner; a stage that does not run here has no line.

    `fingerprint` is that of the certificate for TLS, empty without TLS.
    """
    rows: list[tuple[str, str, str]] = []
    stages = settings.stages
    if "msa" in stages:
        try_it = f"swaks --server {_reachable(settings.smtp)} --to ada@customer.example"
        rows.append(("SMTP", settings.smtp, try_it))
        if settings.smtps is not None:
            where = _reachable(settings.smtps)
            rows.append(("SMTPS", settings.smtps, f"curl -k smtps://{where} -X NOOP"))
    if "web" in stages:
        rows.append(("HTTP", f"http://{_reachable(settings.http)}/", "open it in a browser"))
    bootstrap = kafka.bootstrap(settings) if "bridge" in stages else None
    if bootstrap is not None:
        topic = next((name for name in settings.topics if name[:1] != "^"), "email-events")
        sample = f'echo \'{{"name": "Ada"}}\' | sandbox-mta produce {topic} --type welcome'
        where = "" if _is_default(settings, "kafka") else f" --kafka {bootstrap}"
        rows.append(("Kafka", bootstrap, f"{sample} --to ada@customer.example{where}"))
    folder = "" if _is_default(settings, "data") else f" --data {settings.data}"
    rows.append(("database", database, f"sandbox-mta dump{folder}"))
    if bootstrap is not None:
        rows.append(("templates", str(find_templates(settings.templates)), ""))
    width = max(len(where) for _, where, _ in rows)
    lines = [f"  {name:10} {where:{width}}  {try_it}".rstrip() for name, where, try_it in rows]
    if fingerprint:
        lines.append(f"  TLS certificate, SHA-256 {fingerprint}")
    if bootstrap is not None and kafka.embedded_port(settings) is not None:
        lines.append(f"  ({BROKER_BANNER})")
    return f"sandbox-mta is ready; {_leaves(settings)}.\n" + "\n".join(lines) + "\n"


def _leaves(settings: Settings) -> str:
    asked = ["name servers"] if settings.lint_dns == "live" else []
    asked += ["the servers of links"] if settings.lint_links == "on" else []
    told = [f"{' and '.join(asked)} are asked"] if asked else []
    told += ["the webhook is told"] if settings.webhook_url is not None else []
    if told:
        return f"no mail leaves this machine, but {', and '.join(told)}"
    return "nothing leaves this machine"


def _reachable(address: str) -> str:
    host, port = split(address)
    return address if host == reachable(host) else f"{reachable(host)}:{port}"


def _is_default(settings: Settings, name: str) -> bool:
    return str(getattr(settings, name)) == default_text(fields()[name])
