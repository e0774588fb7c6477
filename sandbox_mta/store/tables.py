"""The schema: every table and column, each with a sentence.

Times are microseconds since 1970 (UTC) in BIGINT, so that both dialects compare and index them
alike; the views of `views.py` show them as text. `*_at` on a submission or status is real time;
`due_at`, `queued_at`, `started_at` and `ended_at` are times of the clock. Integer numbers are for
joins, the 22-character `id` is what people see. Tables without a rowid lie in the order of their
primary key, as all do in InnoDB.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects import mysql, sqlite

metadata = MetaData()

# SQLite makes only INTEGER PRIMARY KEY an alias of the rowid.
Number = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
# Ids are case-sensitive, MySQL's default collation is not.
Id = String(22).with_variant(mysql.VARCHAR(22, charset="ascii", collation="ascii_bin"), "mysql")
Ascii = String(64).with_variant(mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), "mysql")
# A path has at most 256 octets (RFC 5321 section 4.5.3.1.3); it is compared octet by octet.
Path = String(512).with_variant(
    mysql.VARCHAR(512, charset="utf8mb4", collation="utf8mb4_bin"), "mysql"
)
Domain = String(253).with_variant(
    mysql.VARCHAR(253, charset="ascii", collation="ascii_bin"), "mysql"
)
# Kafka's topics differ by case too, and have no other characters.
Topic = String(249).with_variant(
    mysql.VARCHAR(249, charset="ascii", collation="ascii_bin"), "mysql"
)
# What a message says of itself, any length the linter has to look at.
Words = Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql")
Octets = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")

# The server's default may be Latin-1, and compare topics or host names without their case.
_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}

submissions = Table(
    "submissions",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True, comment="order of arrival"),
    Column("id", Id, nullable=False, unique=True, comment="the id the client was told"),
    Column("kind", String(10), nullable=False, comment="mail, dsn, arf or autoreply"),
    Column("reverse_path", Path, nullable=False, comment="of MAIL; empty is the null path"),
    Column("ret", String(4), comment="RET of MAIL: FULL or HDRS"),
    Column("envid", String(100), comment="ENVID of MAIL, xtext as given"),
    Column("body", String(10), comment="BODY of MAIL"),
    Column("smtputf8", SmallInteger, nullable=False, comment="1 when SMTPUTF8 was asked for"),
    Column("author", Words, nullable=False, comment="the From field, decoded"),
    Column("subject", Words, nullable=False, comment="the Subject field, decoded"),
    Column("message_id", Words, nullable=False, comment="the Message-ID field"),
    Column("size_octets", BigInteger, nullable=False, comment="of the content"),
    Column("accepted_at", BigInteger, comment="when it was stored; null when it was refused"),
    Column("refused_at", BigInteger, comment="when it was turned away after DATA"),
    Column("linted_at", BigInteger, comment="null while lint is pending"),
    Column("fixed_at", BigInteger, comment="when fixes were looked for; null: not, or not yet"),
    Column("read_at", BigInteger, comment="when somebody opened it"),
    Column("client_address", String(45), nullable=False, comment="IP address of the peer"),
    Column("helo", String(255), nullable=False, comment="the argument of EHLO or HELO"),
    Column("auth_user", String(255), comment="the AUTH identity"),
    Column("tls", SmallInteger, nullable=False, comment="1 when the session was encrypted"),
    Column("submission_key", Ascii, comment="XSUBMISSIONKEY of MAIL"),
    Column("parent_id", Id, comment="the message that a report is about"),
    Column("asks_outcome", SmallInteger, comment="1 when it has a field X-Sandbox-Outcome"),
    Index(
        "ix_submissions_lint_pending",
        "linted_at",
        "number",
        sqlite_where=text("linted_at IS NULL"),
    ),
    # The inbox shows how many are unread, a few times a second.
    Index("ix_submissions_unread", "read_at", "number", sqlite_where=text("read_at IS NULL")),
    Index(
        "ix_submissions_submission_key",
        "submission_key",
        sqlite_where=text("submission_key IS NOT NULL"),
    ),
    **_MYSQL,
)

submission_keys = Table(
    "submission_keys",
    metadata,
    Column("submission_key", Ascii, primary_key=True, comment="outlives the message it made"),
    Column("submission_id", Id, nullable=False, comment="the message stored under it"),
    Column("accepted_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
    **_MYSQL,
)

contents = Table(
    "contents",
    metadata,
    Column("submission", Number, primary_key=True),
    Column("n", Integer, primary_key=True, comment="pieces in order, from 0"),
    Column("octets", Octets, nullable=False, comment="at most PIECE_OCTETS of the content"),
    **_MYSQL,
)

transcripts = Table(
    "transcripts",
    metadata,
    Column("submission", Number, primary_key=True),
    Column("transcript", Words, nullable=False, comment="what client and server said"),
    **_MYSQL,
)

sessions = Table(
    "sessions",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True, comment="order of recording"),
    Column("id", Id, nullable=False, unique=True),
    Column("started_at", BigInteger, nullable=False, comment="real time"),
    Column("ended_at", BigInteger, comment="real time; null while it goes on"),
    Column("ending", String(10), comment="quit, dropped, timeout, refused or shutdown"),
    Column("client_address", String(45), nullable=False, comment="IP address of the peer"),
    Column("helo", String(255), nullable=False, comment="the argument of EHLO or HELO"),
    Column("auth_user", String(255), comment="the AUTH identity"),
    Column("tls", SmallInteger, nullable=False, comment="1 when it was encrypted"),
    Column("messages", Integer, nullable=False, comment="accepted"),
    Column("refused", Integer, nullable=False, comment="commands and messages"),
    Column("transcript", Words, nullable=False, comment="what client and server said"),
    Index("ix_sessions_refused", "refused", "number"),
    **_MYSQL,
)

refusals = Table(
    "refusals",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True, comment="order of recording"),
    Column("session_id", Id, nullable=False),
    Column("at", BigInteger, nullable=False, comment="real time"),
    Column("command", Words, nullable=False, comment="as the transcript shows it"),
    Column("reply_code", SmallInteger, nullable=False),
    Column("reply_enhanced", String(12), nullable=False),
    Column("reply_text", Words, nullable=False),
    Column("reverse_path", Path, comment="null: none was given yet"),
    Column("forward_path", Path, comment="of a refused RCPT"),
    Column("submission_id", Id, comment="the message that was refused after its content"),
    Index("ix_refusals_session", "session_id"),
    Index("ix_refusals_submission", "submission_id"),
    **_MYSQL,
)

recipients = Table(
    "recipients",
    metadata,
    Column(
        "number",
        Number,
        primary_key=True,
        autoincrement=False,
        comment="submission << 10 | position in the envelope",
    ),
    Column("forward_path", Path, nullable=False, comment="of RCPT"),
    Column("notify", String(40), comment="NOTIFY of RCPT, comma separated; null: not given"),
    Column("orcpt", String(500), comment="ORCPT of RCPT, as given"),
    Column("state", String(12), nullable=False, comment="see the states in mta/status.py"),
    Column("ready", SmallInteger, nullable=False, comment="1 when it may be claimed at due_at"),
    Column("due_at", BigInteger, nullable=False, comment="of the next attempt"),
    Column("queued_at", BigInteger, nullable=False, comment="when the queue took it"),
    Column("attempts", Integer, nullable=False, comment="made so far"),
    Column("reply_code", SmallInteger, comment="of the last attempt"),
    Column("reply_enhanced", String(12)),
    Column("reply_text", Words),
    Column("exchanger", String(255), comment="of the last attempt"),
    Column("reason", String(40), nullable=False, comment="classification of a failure"),
    Column("lease_owner", String(64), comment="the process that holds it"),
    Column("lease_until", BigInteger, comment="real time"),
    Column("lease_epoch", Integer, nullable=False, comment="goes up with every claim"),
    Index("ix_recipients_ready", "ready", "due_at", "number", sqlite_where=text("ready = 1")),
    Index(
        "ix_recipients_lease",
        "lease_owner",
        "lease_until",
        sqlite_where=text("lease_owner IS NOT NULL"),
    ),
    **_MYSQL,
)

attempts = Table(
    "attempts",
    metadata,
    Column("recipient", Number, primary_key=True),
    Column("n", Integer, primary_key=True, comment="attempt number, from 1"),
    Column("position", Integer, primary_key=True, comment="order of the exchanger, from 0"),
    Column("exchanger", String(255), nullable=False, comment="host an MX record names"),
    Column("address", String(45), nullable=False),
    Column("preference", Integer, comment="of the MX record"),
    Column("stage", String(10), nullable=False, comment="SMTP command that was answered"),
    Column("reply_code", SmallInteger, nullable=False),
    Column("reply_enhanced", String(12), nullable=False),
    Column("reply_text", Words, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("decided_by", String(100), nullable=False, comment="the rule that decided the outcome"),
    sqlite_with_rowid=False,
    **_MYSQL,
)

statuses = Table(
    "statuses",
    metadata,
    Column("recipient", Number, primary_key=True),
    Column("n", Integer, primary_key=True, comment="order, from 0"),
    Column("state", String(12), nullable=False, comment="the state that was reached"),
    Column("attempt", Integer, nullable=False, comment="the attempt that led here; 0: none"),
    Column("at", BigInteger, nullable=False, comment="time of the clock"),
    Column("recorded_at", BigInteger, nullable=False, comment="real time"),
    sqlite_with_rowid=False,
    **_MYSQL,
)

findings = Table(
    "findings",
    metadata,
    Column("submission", Number, primary_key=True),
    Column("n", Integer, primary_key=True, comment="order of the rules, from 0"),
    Column("code", String(6), nullable=False),
    Column("name", String(60), nullable=False),
    Column("severity", String(7), nullable=False),
    Column("text", Words, nullable=False),
    Column("part", String(500), nullable=False),
    Column("offset", BigInteger, comment="octets from the start of the content"),
    Column("line", Integer),
    Column("column", Integer),
    Column("evidence", Words, nullable=False),
    Column("reference", String(200), nullable=False),
    Column("fix", Words, nullable=False),
    Index("ix_findings_code", "code", "submission"),
    sqlite_with_rowid=False,
    **_MYSQL,
)

fixes = Table(
    "fixes",
    metadata,
    Column("submission", Number, primary_key=True),
    Column("n", Integer, primary_key=True, comment="order of the octets, then the suppressed"),
    Column("name", String(100), nullable=False, comment="of the field, or body"),
    Column("part", String(500), nullable=False),
    Column("reference", String(200), nullable=False),
    Column("text", Words, nullable=False, comment="what is done, or would have been"),
    Column("offset", BigInteger, comment="where the range starts; null when suppressed"),
    Column("size_octets", BigInteger, comment="of the submitted range; 0: something is put in"),
    Column("octets", Octets, comment="what takes the place of the range"),
    Column("encoding", String(20), nullable=False, comment="how the range itself is written anew"),
    Column("reason", Words, nullable=False, comment="why it was suppressed; empty when it was not"),
    sqlite_with_rowid=False,
    **_MYSQL,
)

events = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True, comment="order of receipt"),
    Column("topic", Topic, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False, comment="of the record"),
    Column("record_key", Octets),
    Column("headers", Words, nullable=False, comment="JSON: [[name, base64], ...]"),
    Column("value", Octets, comment="octets of the record; null is a tombstone"),
    Column("identity", Ascii, nullable=False, comment="same for the same source and id"),
    Column("id", Words, nullable=False, comment="the producer's id"),
    Column("source", Words, nullable=False),
    Column("type", Words, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("detail", Words, nullable=False),
    Column("attempts", Integer, nullable=False, comment="tries that met a transient reply"),
    Column("ready", SmallInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False, comment="real time of the next try"),
    Column("lease_owner", String(64)),
    Column("lease_until", BigInteger),
    Column("lease_epoch", Integer, nullable=False),
    Index("ux_events_position", "topic", "partition", "offset", "timestamp_ms", unique=True),
    Index("ix_events_identity", "identity"),
    Index("ix_events_ready", "ready", "due_at", "number", sqlite_where=text("ready = 1")),
    **_MYSQL,
)

event_messages = Table(
    "event_messages",
    metadata,
    Column("event", Number, primary_key=True),
    Column("n", Integer, primary_key=True, comment="a list of recipients makes one each"),
    Column("submission_key", Ascii, nullable=False),
    Column("submission_id", Id, nullable=False, comment="empty when another server took it"),
    Column("forward_path", Path, nullable=False),
    Column("message_id", Words, nullable=False),
    Column("template", String(100), nullable=False),
    Column("template_version", String(64), nullable=False),
    Column("locale", String(35), nullable=False),
    Column("reply_code", SmallInteger, nullable=False),
    Column("reply_enhanced", String(12), nullable=False),
    Column("reply_text", Words, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("ix_event_messages_submission", "submission_id"),
    sqlite_with_rowid=False,
    **_MYSQL,
)

template_versions = Table(
    "template_versions",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("version", Ascii, primary_key=True, comment="hash of all sources"),
    Column("sources", Words, nullable=False, comment="JSON: {file name: text}"),
    Column("first_used_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
    **_MYSQL,
)

dns_answers = Table(
    "dns_answers",
    metadata,
    Column("name", Domain, primary_key=True, comment="that was asked for"),
    Column("rdtype", String(10), primary_key=True, comment="MX, A or AAAA"),
    Column("result", String(10), nullable=False, comment="see Result in mta/zone.py"),
    Column("records", Words, nullable=False, comment="lines of a master file (RFC 1035)"),
    Column("asked_at", BigInteger, nullable=False, comment="real time"),
    sqlite_with_rowid=False,
    **_MYSQL,
)

scenario_notes = Table(
    "scenario_notes",
    metadata,
    Column("rule", String(100), primary_key=True, comment="of a scenario, or magic:greylist"),
    Column("note", String(400), primary_key=True, comment="what the rule tells apart"),
    Column("numbers", Words, nullable=False, comment="what is remembered, comma separated"),
    Column("saved_at", BigInteger, nullable=False, comment="real time"),
    sqlite_with_rowid=False,
    **_MYSQL,
)

clock = Table(
    "clock",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("mode", String(12), nullable=False, comment="real, accelerated or manual"),
    Column("rate", String(20), nullable=False, comment="virtual seconds a real second"),
    Column("virtual_base", BigInteger, nullable=False),
    Column("real_base", BigInteger, nullable=False),
    **_MYSQL,
)

status_outbox = Table(
    "status_outbox",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True, comment="order of happening"),
    Column("channel", String(10), nullable=False, comment="webhook or topic"),
    Column("id", String(36), nullable=False, comment="of the event, the same when told again"),
    Column("type", String(24), nullable=False),
    Column("submission", BigInteger, nullable=False, comment="events of one are told in order"),
    Column("at", BigInteger, nullable=False, comment="time of the clock"),
    Column("data", Words, nullable=False, comment="JSON: what happened"),
    Column("tries", Integer, nullable=False, comment="that failed"),
    Column("due_at", BigInteger, nullable=False, comment="real time of the next try"),
    Index("ix_status_outbox_order", "channel", "submission", "number"),
    **_MYSQL,
)

status_senders = Table(
    "status_senders",
    metadata,
    Column("channel", String(10), primary_key=True),
    Column("lease_owner", String(64), nullable=False, comment="the process that sends"),
    Column("lease_until", BigInteger, nullable=False, comment="real time"),
    **_MYSQL,
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address", Path, primary_key=True, comment="in lower case, as providers compare"),
    Column("reason", String(10), nullable=False, comment="bounce or complaint"),
    Column("reply", Words, nullable=False, comment="of the bounce; empty for a complaint"),
    Column("submission_id", Id, nullable=False, comment="the message that led to it"),
    Column("listed_at", BigInteger, nullable=False, comment="real time"),
    sqlite_with_rowid=False,
    **_MYSQL,
)
