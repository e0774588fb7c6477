"""The views for people: `v_messages`, `v_recipients`, `v_findings`, `v_timeline`, `v_events`,
`v_refusals`, `v_sessions`, `v_transcripts`, `v_fixes`.

They are stable; docs/sql.md describes every column. The text is the same for all databases but
for two expressions: a time as text, and a concatenation. Names that are reserved somewhere (column,
offset, partition) stand in backquotes, which SQLite takes as well. Recipients are found by the
range of their numbers, so that asking for one message reads its rows alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox_mta.mta.status import Action, State, action_of

_ACTIONS = {state: action for state in State if (action := action_of(state))}


@dataclass(frozen=True, slots=True)
class _Dialect:
    """The two expressions that databases write differently."""

    time: Callable[[str], str]  # microseconds -> text, null -> null
    join: Callable[..., str]  # strings -> one string


def _sqlite_time(column: str) -> str:
    return (
        f"strftime('%Y-%m-%d %H:%M:%S', {column} / 1000000, 'unixepoch')"
        f" || printf('.%06d', {column} % 1000000)"
    )


def _mysql_time(column: str) -> str:
    # Not FROM_UNIXTIME(): it answers in the time zone of the session.
    return (
        f"DATE_FORMAT(DATE_ADD('1970-01-01 00:00:00', INTERVAL {column} MICROSECOND),"
        " '%Y-%m-%d %H:%i:%s.%f')"
    )


_SQLITE = _Dialect(_sqlite_time, lambda *strings: " || ".join(strings))
_MYSQL = _Dialect(_mysql_time, lambda *strings: f"CONCAT({', '.join(strings)})")

# Found from either side: a message's recipients as a range, a recipient's message by its number.
_OF_SUBMISSION = (
    "r.number BETWEEN s.number * 1024 AND s.number * 1024 + 1023 AND s.number = r.number >> 10"
)
# Of one message s. MariaDB and MySQL look up a range for each row of the table joined before, but
# not for each row of the query outside; so the message is joined once more.
_ITS_RECIPIENTS = (
    "submissions x JOIN recipients r ON r.number BETWEEN x.number * 1024 AND x.number * 1024 + 1023"
    " WHERE x.number = s.number"
)
# An event that names one address twice makes one message, and says so twice.
_FIRST_MADE = """event_messages m ON m.submission_id = s.id AND NOT EXISTS (
  SELECT 1 FROM event_messages x WHERE x.submission_id = m.submission_id
  AND (x.event < m.event OR (x.event = m.event AND x.n < m.n)))"""


def create_statements(dialect: str) -> tuple[str, ...]:
    """Return a CREATE VIEW for each view; `dialect` is SQLAlchemy's name, "sqlite" or "mysql"."""
    sql = _SQLITE if dialect == "sqlite" else _MYSQL
    return tuple(f"CREATE VIEW {name} AS\n{select(sql)}" for name, select in _VIEWS.items())


def drop_statements(dialect: str) -> tuple[str, ...]:
    """Return a DROP VIEW for each view, repeatable and the same for every dialect."""
    del dialect
    return tuple(f"DROP VIEW IF EXISTS {name}" for name in _VIEWS)


def _reply(sql: _Dialect, table: str) -> str:
    """Write a reply as it was heard, "550 5.1.1 No such user"; null when there was none."""
    code, enhanced, text = (f"{table}.reply_{part}" for part in ("code", "enhanced", "text"))
    space = "' '"
    return (
        f"CASE WHEN {code} IS NULL THEN NULL"
        f" WHEN {enhanced} = '' THEN {sql.join(code, space, text)}"
        f" ELSE {sql.join(code, space, enhanced, space, text)} END"
    )


def _action() -> str:
    words = " ".join(f"WHEN '{state}' THEN '{action}'" for state, action in _ACTIONS.items())
    return f"CASE r.state {words} ELSE '' END"


def _findings_of(severity: str) -> str:
    return (
        "(SELECT COUNT(*) FROM findings f"
        f" WHERE f.submission = s.number AND f.severity = '{severity}')"
    )


def _recipients_with(*actions: Action) -> str:
    states = ", ".join(f"'{state}'" for state, action in _ACTIONS.items() if action in actions)
    return f"(SELECT COUNT(*) FROM {_ITS_RECIPIENTS} AND r.state IN ({states}))"


def _messages(sql: _Dialect) -> str:
    return f"""\
SELECT s.number, s.id, s.kind,
  {sql.time("s.accepted_at")} AS accepted_at,
  {sql.time("s.refused_at")} AS refused_at,
  s.reverse_path, s.author, s.subject, s.message_id, s.size_octets,
  CASE WHEN s.linted_at IS NULL THEN 'pending' ELSE 'done' END AS lint,
  {_findings_of("error")} AS errors,
  {_findings_of("warning")} AS warnings,
  {_findings_of("info")} AS infos,
  (SELECT COUNT(*) FROM {_ITS_RECIPIENTS}) AS recipients,
  {_recipients_with(Action.DELIVERED, Action.RELAYED)} AS delivered,
  {_recipients_with(Action.DELAYED)} AS `delayed`,
  {_recipients_with(Action.FAILED)} AS failed,
  e.topic AS event_topic, e.`partition` AS event_partition, e.`offset` AS event_offset,
  e.id AS event_id, e.type AS event_type, m.template, m.template_version,
  s.parent_id, s.client_address, s.helo, s.auth_user, s.tls, s.submission_key,
  {sql.time("s.read_at")} AS read_at
FROM submissions s
LEFT JOIN {_FIRST_MADE}
LEFT JOIN events e ON e.number = m.event"""


def _recipients(sql: _Dialect) -> str:
    return f"""\
SELECT s.id AS submission_id, r.forward_path, r.state, {_action()} AS action, r.attempts,
  {_reply(sql, "r")} AS reply,
  r.exchanger, r.reason,
  {sql.time("CASE WHEN r.ready = 1 THEN r.due_at END")} AS due_at,
  {sql.time("r.queued_at")} AS queued_at,
  r.notify, r.orcpt
FROM submissions s
JOIN recipients r ON {_OF_SUBMISSION}"""


def _findings(_: _Dialect) -> str:
    return """\
SELECT s.id AS submission_id, f.n, f.code, f.name, f.severity, f.text, f.part, f.`offset`, f.line,
  f.`column`, f.evidence, f.reference, f.fix
FROM submissions s
JOIN findings f ON f.submission = s.number"""


def _fixes(_: _Dialect) -> str:
    return """\
SELECT s.id AS submission_id, f.n, f.name, f.part, f.`offset`, f.size_octets, f.octets, f.encoding,
  f.text, f.reference, f.reason
FROM submissions s
JOIN fixes f ON f.submission = s.number"""


def _timeline(sql: _Dialect) -> str:
    """Stack the steps of every recipient: of its message first, then its own.

    The attempts that led to the status of number k come right before it.
    """
    nothing = "0 AS attempt, NULL AS exchanger, NULL AS reply, NULL AS decided_by, NULL AS after_s"
    of_message = f"FROM submissions s JOIN recipients r ON {_OF_SUBMISSION}"
    led_to = "SELECT MIN(t.n) FROM statuses t WHERE t.recipient = a.recipient AND t.attempt = a.n"
    accepted = "COALESCE(s.accepted_at, s.refused_at)"
    return f"""\
SELECT s.id AS submission_id, r.forward_path, 1 AS n, {sql.time("e.received_at")} AS `at`,
  'received' AS what, {nothing}, {sql.time("e.received_at")} AS recorded_at
{of_message}
JOIN {_FIRST_MADE}
JOIN events e ON e.number = m.event
UNION ALL
SELECT s.id, r.forward_path, 2, {sql.time(accepted)},
  CASE WHEN s.accepted_at IS NULL THEN 'refused' ELSE 'accepted' END, {nothing},
  {sql.time(accepted)}
{of_message}
UNION ALL
SELECT s.id, r.forward_path, 3, {sql.time("s.linted_at")}, 'linted', {nothing},
  {sql.time("s.linted_at")}
{of_message}
WHERE s.linted_at IS NOT NULL
UNION ALL
SELECT s.id, r.forward_path, (t.n + 1) * 1000, {sql.time("t.`at`")}, t.state, t.attempt,
  a.exchanger, {_reply(sql, "a")}, a.decided_by, (t.`at` - r.queued_at) / 1000000.0,
  {sql.time("t.recorded_at")}
{of_message}
JOIN statuses t ON t.recipient = r.number
LEFT JOIN attempts a ON a.recipient = t.recipient AND a.n = t.attempt AND a.position = (
  SELECT MAX(x.position) FROM attempts x WHERE x.recipient = t.recipient AND x.n = t.attempt)
UNION ALL
SELECT s.id, r.forward_path, t.n * 1000 + 1 + a.position, {sql.time("a.started_at")}, 'attempting',
  a.n, a.exchanger, {_reply(sql, "a")}, a.decided_by,
  (a.started_at - r.queued_at) / 1000000.0,
  {sql.time("t.recorded_at")}
{of_message}
JOIN attempts a ON a.recipient = r.number
JOIN statuses t ON t.recipient = a.recipient AND t.n = ({led_to})"""


def _events(sql: _Dialect) -> str:
    return f"""\
SELECT e.number, e.topic, e.`partition`, e.`offset`,
  {sql.time("e.timestamp_ms * 1000")} AS `timestamp`,
  e.id, e.source, e.type, {sql.time("e.received_at")} AS received_at,
  e.state, e.reason, e.detail, m.template, m.template_version,
  NULLIF(m.submission_id, '') AS submission_id, m.forward_path,
  {_reply(sql, "m")} AS reply,
  e.attempts
FROM events e
LEFT JOIN event_messages m ON m.event = e.number"""


def _refusals(sql: _Dialect) -> str:
    # A message that was deleted is gone, what is known of its refusal is not.
    return f"""\
SELECT f.number, {sql.time("f.`at`")} AS `at`, f.session_id, n.client_address, n.helo, n.auth_user,
  f.command, {_reply(sql, "f")} AS reply, f.reverse_path, f.forward_path, s.id AS submission_id
FROM refusals f
LEFT JOIN sessions n ON n.id = f.session_id
LEFT JOIN submissions s ON s.id = f.submission_id"""


def _sessions(sql: _Dialect) -> str:
    return f"""\
SELECT n.number, n.id, {sql.time("n.started_at")} AS started_at,
  {sql.time("n.ended_at")} AS ended_at, n.ending, n.client_address, n.helo, n.auth_user, n.tls,
  n.messages, n.refused, n.transcript
FROM sessions n"""


def _transcripts(_: _Dialect) -> str:
    return """\
SELECT s.id AS submission_id, t.transcript
FROM submissions s
JOIN transcripts t ON t.submission = s.number"""


_VIEWS: Mapping[str, Callable[[_Dialect], str]] = {
    "v_messages": _messages,
    "v_recipients": _recipients,
    "v_findings": _findings,
    "v_fixes": _fixes,
    "v_timeline": _timeline,
    "v_events": _events,
    "v_refusals": _refusals,
    "v_sessions": _sessions,
    "v_transcripts": _transcripts,
}
