"""The web application over a real SQLite store, without a socket."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from msa.envelope import Client, Recipient
from msa.recorder import Ending, Refusal, SessionRecord
from msa.reply import Reply
from sandbox_mta.mta.clock import MANUAL, Clock, started
from sandbox_mta.mta.status import State
from sandbox_mta.mta.worker import Worker
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import Address
from sandbox_mta.web.app import create_app
from sandbox_mta.web.guard import PAGE_POLICY
from sandbox_mta.web.pages.refused import PAGE_ROWS
from sandbox_mta.web.pages.tabs import TABS
from tests.contract.mail import settlement, submission

SUMMARY_KEYS = [
    *("ID", "MessageID", "Read", "From", "To", "Cc", "Bcc", "ReplyTo", "Subject", "Created"),
    *("Username", "Tags", "Size", "Attachments", "Snippet"),
]


class StillClock:
    """A clock that stands, and remembers how it was asked to move."""

    mode = "manual"

    def __init__(self) -> None:
        self.moved: list[object] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 24, 12, tzinfo=UTC)

    async def advance(self, by: timedelta) -> bool:
        self.moved.append(by)
        return False

    async def advance_until_idle(self) -> bool:
        self.moved.append("idle")
        return True


class AllWell:
    def not_ready(self) -> list[str]:
        return []

    async def pending(self) -> Mapping[str, int]:
        return {}


class Web:
    """A client of the application, and the store behind it."""

    def __init__(self, store: Store, clock: StillClock, client: httpx.AsyncClient) -> None:
        self._store, self.clock, self.client = store, clock, client
        self.get, self.post = client.get, client.post

    async def receive(self, content: bytes | None = None, *to: str) -> str:
        recipients = tuple(Recipient(path) for path in to) or 1
        made = submission(recipients=recipients, **({"content": content} if content else {}))
        await self._store.submissions.accept(made, None)
        return made.id

    async def bounce(self, *to: str) -> None:
        """Let a message bounce for good where bounces are listed."""
        self._store.deliveries.write_beside(self._store.suppressions.list_failed)
        await self.receive(None, *to)
        claimed = await self._store.deliveries.claim(datetime.now(UTC) + timedelta(minutes=1), 10)
        await self._store.deliveries.record([settlement(one, State.BOUNCED) for one in claimed])
        await self._store.deliveries.flush()

    async def refuse(self, *commands: str, id: str = "s-1", transcript: str = "") -> None:
        """Record a session in which commands were refused."""
        now = datetime(2026, 11, 24, 12, tzinfo=UTC)
        answer = Reply(500, "5.1", "Command not recognized")
        record = SessionRecord(
            id=id,
            started_at=now,
            ended_at=now,
            ending=Ending.QUIT,
            client=Client(address="192.0.2.7", helo="<i>app</i>"),
            messages=0,
            refused=len(commands),
            refusals=tuple(Refusal(at=now, command=said, reply=answer) for said in commands),
            transcript=transcript,
        )
        self._store.sessions.record(record)
        await self._store.sessions.flush()

    async def deliver(self) -> None:
        """Make the attempts that are due."""
        worker = Worker(self._store.deliveries, Clock(started(None, MANUAL, datetime.now(UTC))))
        await worker.settle_due()

    async def unread(self) -> int:
        return (await self._store.inbox.position()).unread


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Web]:
    store = Store(
        Address(dialect="sqlite", path=tmp_path / "web.db"), instance="test", delivers=False
    )
    await store.open()
    clock = StillClock()
    app = create_app(
        store.inbox,
        clock,
        AllWell(),
        suppressions=store.suppressions,
        smtp="127.0.0.1:1025",
        hosts=(),
        stopping=asyncio.Event(),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield Web(store, clock, client)
    await store.close()


def newsletter() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"] = "News <news@shop.example>", "Ada <ada@customer.example>"
    mail["Subject"] = "<b>News</b>"
    mail.set_content("In text.")
    mail.add_alternative('<p>In HTML.</p><img src="https://far.example/a.png">', subtype="html")
    mail.add_attachment(b"<script>", maintype="text", subtype="html", filename='a"b.html')
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/inbox", "/refused", "/livez", "/readyz"),
        *("/api/v1/messages", "/api/v2/refusals", "/api/v2/sessions"),
    ],
)
async def test_an_empty_sandbox_answers(web: Web, path: str) -> None:
    assert (await web.get(path)).status_code == 200


async def test_the_first_page_says_where_to_send_mail_until_there_is_some(web: Web) -> None:
    before = (await web.get("/")).text
    await web.receive()
    after = (await web.get("/")).text

    assert "curl smtp://127.0.0.1:1025" in before
    assert "curl smtp://127.0.0.1:1025" not in after


async def test_a_row_names_the_recipient_the_subject_and_the_first_words(web: Web) -> None:
    await web.receive(newsletter(), "ada@customer.example")

    page = (await web.get("/inbox")).text

    assert "<bdi>Ada</bdi>" in page
    assert "&lt;b&gt;News&lt;/b&gt;" in page
    assert "In HTML." in page


@pytest.mark.parametrize("tab", TABS)
async def test_every_tab_is_a_page_under_the_strict_policy(web: Web, tab: str) -> None:
    id = await web.receive(newsletter(), "ada@customer.example")

    answer = await web.get(f"/m/{id}/{tab}")

    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert " style=" not in answer.text
    assert "<script>" not in answer.text


async def test_the_frame_has_a_policy_of_its_own(web: Web) -> None:
    id = await web.receive(newsletter())

    blocked = await web.get(f"/m/{id}/body")
    loaded = await web.get(f"/m/{id}/body?remote=1")

    policy = blocked.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'n")
    assert "http" not in policy
    assert blocked.headers["x-dns-prefetch-control"] == "off"
    assert "img-src data: https: http:" in loaded.headers["content-security-policy"]


async def test_a_part_is_a_download_of_no_type_the_sender_chose(web: Web) -> None:
    id = await web.receive(newsletter())
    part = (await web.get(f"/api/v1/message/{id}")).json()["Attachments"][0]["PartID"]

    answer = await web.get(f"/m/{id}/part/{part}")

    assert answer.content == b"<script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_message_is_downloaded_octet_for_octet(web: Web) -> None:
    content = newsletter()
    id = await web.receive(content)

    assert (await web.get(f"/m/{id}/raw.eml")).content == content
    assert (await web.get(f"/api/v1/message/{id}/raw")).content == content


async def test_what_is_not_there_is_said_to_be_gone(web: Web) -> None:
    id = await web.receive()

    for path in ("/m/nope/preview", "/m/nope/body", "/m/nope/raw.eml", f"/m/{id}/part/99"):
        assert (await web.get(path)).status_code == 410
    assert (await web.get(f"/m/{id}/nope")).status_code == 404
    assert (await web.get("/api/v1/message/nope")).status_code == 404


async def test_a_filter_that_cannot_be_read_is_one_line_above_the_list(web: Web) -> None:
    await web.receive()

    answer = await web.get("/inbox", params={"q": "colour:red"})

    assert answer.status_code == 200
    assert "there is no &#34;colour:&#34;" in answer.text


@pytest.mark.parametrize("before", ["-1", "x", "9" * 40, "\u0663"])
async def test_a_page_number_that_is_none_shows_the_newest(web: Web, before: str) -> None:
    await web.receive()

    answer = await web.get("/inbox", params={"before": before})

    assert "1 to 1 of 1" in answer.text


async def test_a_huge_text_is_cut_and_there_to_download(web: Web) -> None:
    id = await web.receive(b"Subject: huge\r\n\r\n" + b"words and words\r\n" * 100_000)

    for tab in ("preview", "text", "raw"):
        page = (await web.get(f"/m/{id}/{tab}")).text
        assert len(page) < 2_000_000
        assert "Only the beginning is shown." in page


async def test_links_of_a_message_keep_the_filter_and_the_page_of_the_list(web: Web) -> None:
    for _ in range(52):
        await web.receive()
    second = (await web.get("/inbox")).text.partition('href="/inbox?before=')[2].partition('"')[0]
    row = (await web.get(f"/inbox?before={second}")).text.partition('class="row')[2]
    href = row.partition('href="')[2].partition('"')[0]

    page = (await web.get(href.replace("&amp;", "&"))).text

    assert f"/journey?before={second}" in page


async def test_opening_a_message_marks_it_read(web: Web) -> None:
    id = await web.receive()
    await web.receive()

    await web.get(f"/m/{id}/lint")

    assert await web.unread() == 1


async def test_deleting_a_message_leads_to_the_next(web: Web) -> None:
    id = await web.receive()

    answer = await web.post(f"/m/{id}/delete", data={"back": "/m/next/preview"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/m/next/preview")
    assert (await web.get(f"/m/{id}/preview")).status_code == 410


async def test_deleting_all_leaves_what_came_after_the_page(web: Web) -> None:
    await web.receive()
    newest = await web.receive()
    late = await web.receive()

    await web.post("/inbox/delete", data={"newest": newest})

    left = (await web.get("/api/v1/messages")).json()["messages"]
    assert [message["ID"] for message in left] == [late]


async def test_the_clock_moves_by_a_form(web: Web) -> None:
    await web.post("/clock/advance", data={"by": "300s", "back": "/inbox"})
    await web.post("/clock/advance", data={"until": "idle", "back": "/inbox"})
    refused = await web.post("/clock/advance", data={"by": "yesterday"})

    assert web.clock.moved == [timedelta(minutes=5), "idle"]
    assert refused.status_code == 400


async def test_the_theme_is_a_cookie(web: Web) -> None:
    await web.post("/theme", data={"theme": "dark", "back": "/inbox"})

    assert 'data-theme="dark"' in (await web.get("/inbox")).text


@pytest.mark.parametrize(
    "back", ["https://evil.example", "//evil.example", "/\\evil", "/a\r\nb: c"]
)
async def test_no_form_leads_outside(web: Web, back: str) -> None:
    answer = await web.post("/theme", data={"theme": "dark", "back": back})

    assert answer.headers["location"] == "/inbox"


async def test_another_origin_changes_nothing(web: Web) -> None:
    await web.receive()

    answer = await web.client.delete("/api/v1/messages", headers={"origin": "http://evil.example"})

    assert answer.status_code == 403
    assert (await web.get("/api/v1/messages")).json()["total"] == 1


async def test_the_newest_message_has_an_address_of_its_own(web: Web) -> None:
    assert (await web.get("/m/latest")).status_code == 404
    id = await web.receive()

    assert (await web.get("/m/latest/lint")).headers["location"] == f"/m/{id}/lint"


async def test_lists_have_exactly_the_keys_of_mailpit(web: Web) -> None:
    await web.receive(newsletter(), "ada@customer.example", "blind@customer.example")

    (message,) = (await web.get("/api/v1/messages")).json()["messages"]

    assert list(message) == SUMMARY_KEYS
    assert message["Bcc"] == [{"Name": "", "Address": "blind@customer.example"}]
    assert message["Attachments"] == 1


async def test_ids_are_read_whatever_the_case_of_their_key(web: Web) -> None:
    first, second = await web.receive(), await web.receive()

    await web.client.request("DELETE", "/api/v1/messages", json={"ids": [first]})

    left = (await web.get("/api/v1/messages")).json()["messages"]
    assert [message["ID"] for message in left] == [second]


async def test_a_delete_without_ids_deletes_everything(web: Web) -> None:
    await web.receive()

    answer = await web.client.delete("/api/v1/messages")

    assert (answer.status_code, answer.text) == (200, "ok")
    assert (await web.get("/api/v1/messages")).json()["total"] == 0


async def test_what_was_refused_is_listed_newest_first_a_page_at_a_time(web: Web) -> None:
    await web.refuse(*(f"BLAH {number}" for number in range(PAGE_ROWS + 2)))

    first = (await web.get("/refused")).text
    older = re.search(r'href="(/refused\?older_than=\d+)"', first)
    assert older is not None
    second = (await web.get(older[1])).text

    assert "BLAH 51<" in first
    assert "BLAH 2<" in first
    assert "BLAH 1<" not in first
    assert "BLAH 1<" in second
    assert "BLAH 2<" not in second
    assert 'href="/refused?older_than' not in second


@pytest.mark.parametrize("words", ["x", "-1", "9" * 40, "%00"])
async def test_a_page_of_refusals_that_is_none_shows_the_newest(web: Web, words: str) -> None:
    await web.refuse("BLAH")

    answer = await web.get(f"/refused?older_than={words}")

    assert answer.status_code == 200
    assert "BLAH" in answer.text


async def test_a_session_is_shown_as_text_whatever_was_said_in_it(web: Web) -> None:
    await web.refuse("<script>alert(1)</script>", transcript="C: </pre><script>alert(2)</script>")

    for path in ("/refused", "/refused/s-1"):
        answer = await web.get(path)
        assert answer.headers["content-security-policy"] == PAGE_POLICY
        assert "<script>alert" not in answer.text
        assert "&lt;i&gt;app" in answer.text
        assert 'aria-current="page"' in answer.text
    assert "&lt;/pre&gt;" in (await web.get("/refused/s-1")).text


async def test_a_session_that_is_not_kept_is_gone(web: Web) -> None:
    assert (await web.get("/refused/none")).status_code == 410
    assert (await web.get("/api/v2/sessions/none")).status_code == 404
    assert (await web.get("/api/v2/messages/none/transcript")).status_code == 404


@pytest.mark.parametrize("words", ["limit=0", "limit=1001", "before=-1", "before=x"])
async def test_a_limit_that_is_none_is_refused(web: Web, words: str) -> None:
    assert (await web.get(f"/api/v2/refusals?{words}")).status_code == 422
    assert (await web.get(f"/api/v2/sessions?{words}")).status_code == 422


async def test_sessions_come_a_page_at_a_time(web: Web) -> None:
    for number in range(3):
        await web.refuse("BLAH", id=f"s-{number}")

    first = (await web.get("/api/v2/sessions?limit=2")).json()
    second = (await web.get(f"/api/v2/sessions?limit=2&before={first[-1]['number']}")).json()

    assert [one["id"] for one in first + second] == ["s-2", "s-1", "s-0"]


async def test_the_sessions_of_each_recipient_are_shown(web: Web) -> None:
    id = await web.receive(None, "ok@sim.test", "bounce+<b>@sim.test")
    there = f"/api/v2/messages/{id}/recipients"
    before = await web.get(f"{there}/0/transcript")
    await web.deliver()

    first = await web.get(f"{there}/0/transcript")
    second = await web.get(f"{there}/1/transcript")
    page = (await web.get(f"/m/{id}/journey")).text

    assert (before.status_code, before.text) == (200, "")
    assert first.headers["content-type"] == "text/plain; charset=utf-8"
    assert "C: RCPT TO:<ok@sim.test>\nS: 250 2.0.0 Ok\nC: DATA\n" in first.text
    assert "C: RCPT TO:<bounce+<b>@sim.test>\nS: 550 5.1.1 " in second.text
    assert "C: RCPT TO:&lt;bounce+&lt;b&gt;@sim.test&gt;\nS: 550 5.1.1 " in page
    assert f'href="{there}/1/transcript"' in page
    for nobody in (f"{there}/2/transcript", "/api/v2/messages/none/recipients/0/transcript"):
        assert (await web.get(nobody)).status_code == 404


async def test_the_suppression_list_is_read_and_cleared_over_the_api(web: Web) -> None:
    addresses = ("ada@customer.example", "bob@customer.example", "eve/x@customer.example")
    await web.bounce(*addresses)

    [ada, *_] = (await web.client.get("/api/v2/suppressions?limit=1")).json()
    assert (ada["address"], ada["reason"]) == ("ada@customer.example", "bounce")
    assert ada["reply"] == "550 5.1.1 No such user"
    rest = (await web.client.get("/api/v2/suppressions", params={"after": ada["address"]})).json()
    assert [one["address"] for one in rest] == list(addresses[1:])

    gone = await web.client.delete("/api/v2/suppressions/EVE%2Fx@customer.example")
    assert gone.json() == {"removed": 1}
    again = await web.client.delete("/api/v2/suppressions/eve%2Fx@customer.example")
    assert again.status_code == 404
    assert (await web.client.delete("/api/v2/suppressions")).json() == {"removed": 2}
    assert (await web.client.get("/api/v2/suppressions")).json() == []
