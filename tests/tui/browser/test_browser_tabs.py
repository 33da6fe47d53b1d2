"""The dashboard in a browser: which requests may use it, and the limits and the end of each tab's process."""

import asyncio
import os
import pickle
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from gjobs.store.configuration.config_file import read_content
from gjobs.store.configuration.settings import resolve
from gjobs.tui.browser import tab_server
from gjobs.tui.browser.tab_server import FILES, MOST_LINKS
from gjobs.tui.dashboard.terminal.browser_driver import BrowserDriver
from gjobs.tui.manual.pages import page_source
from gjobs.tui.text.clean_text import clean
from tests.hosted.server_directory import is_running
from tests.store.store_fixtures import until
from tests.tui.browser.fake_tab import FILE_NAME
from tests.tui.browser.tab_servers import Served, Tab, cookie_of, header_of, serving, status_of


@pytest.fixture(autouse=True)
def fake_dashboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tab_server, "MODULE", "tests.tui.browser.fake_tab")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@asynccontextmanager
async def tab_of(served: Served) -> AsyncIterator[Tab]:
    cookie = await served.cookie()
    sent = {"Cookie": cookie, "Origin": f"http://{served.host}"}
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(f"http://{served.host}/ws?width=90&height=30", headers=sent) as websocket,
    ):
        yield Tab(websocket, cookie)


async def until_ended(pids: list[int]) -> None:
    """Wait until the processes have ended and were reaped."""
    await until(lambda: not any(map(is_running, pids)))


async def test_tab_gets_its_size_and_nothing_of_the_servers_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX_PANE", "%1")
    monkeypatch.setenv("TERM", "xterm-kitty")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("TEXTUAL_LOG", "x")
    async with serving() as served, tab_of(served) as tab:
        await tab.send("stdin", "facts")
        facts = await tab.receive()
        assert (facts["write_rule"], facts["is_leader"]) == ("CLOSED", True)
        assert len(facts["arguments"]) == 1
        environment = facts["environment"]
        assert (environment["COLUMNS"], environment["ROWS"], environment["TERM"]) == ("90", "30", "xterm-256color")
        assert environment["PGSSLMODE"] == "verify-full"
        assert environment["TEXTUAL_ANIMATIONS"] == "none"
        assert {"TMUX_PANE", "TEXTUAL_LOG"}.isdisjoint(environment)
        await tab.send("stdin", "open")
        assert await tab.receive() == ["open_url", {"url": "https://example.com/", "new_tab": True}]
        await tab.send("resize", {"width": 9_999, "height": 40})
        assert await tab.receive() == {"type": "resize", "width": 500, "height": 40}
        for odd in ([], ["resize", {"width": -1, "height": 1}], ["resize", {"width": "1", "height": 1}], ["stdin", 1]):
            await tab.send(*odd)
        await tab.websocket.send_str("[" * 100_000)
        await tab.websocket.send_bytes(b"\xff")
        await tab.send("ping", "1")
        assert await tab.receive() == ["pong", "1"]


async def test_only_the_browser_of_a_tab_can_download_its_files() -> None:
    async with serving() as served, tab_of(served) as tab:
        await tab.send("stdin", "deliver")
        assert await tab.receive() == ["deliver_file_start", "key"]
        other = f"Cookie: {await served.cookie()}"
        assert status_of(await served.get("/download/key", other)) == 404
        answer = await served.get("/download/key", f"Cookie: {tab.cookie}")
        assert status_of(answer) == 200
        assert header_of(answer, "Content-Type") == "application/octet-stream"
        assert header_of(answer, "Content-Disposition") == f"attachment; filename*=UTF-8''{quote(FILE_NAME, safe='')}"
        assert "<script>alert(1)</script>" in answer
        assert status_of(await served.get("/download/key", f"Cookie: {tab.cookie}")) == 404


async def test_closed_tab_and_stopped_server_end_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tab_server, "QUIT_SECONDS", 0.2)
    async with serving() as served:
        async with tab_of(served) as tab:
            await tab.send("stdin", "stubborn")
            assert (await tab.websocket.receive_bytes()) == b"stubborn"
            pids = served.pids
            assert len(pids) == 1
        await until_ended(pids)
        await until(lambda: not served.pids)
        async with tab_of(served) as tab:
            await tab.send("focus")
            await tab.receive()
            pids = served.pids
            stopping = asyncio.create_task(served.stop())
            assert await tab.end() == "'gjobs serve' has stopped."
            await stopping
        await until_ended(pids)
        assert served.reports == []


async def test_tab_whose_process_is_stuck_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tab_server, "STUCK_SECONDS", 0.2)
    monkeypatch.setattr(tab_server, "QUIT_SECONDS", 0.2)
    async with serving() as served, tab_of(served) as tab:
        await tab.send("stdin", "stuck")
        pids = served.pids
        for _ in range(3):
            await tab.send("stdin", "x" * 900_000)
        assert await tab.end() == "The dashboard has not read its input for too long. gjobs ended it."
        await until_ended(pids)


async def test_limits_and_failures_close_a_tab_with_a_reason() -> None:
    async with serving(tabs=1, idle=0.5) as served, tab_of(served) as first:
        async with tab_of(served) as second:
            assert await second.end() == "The limit of open tabs is reached (1). Close another tab, or try again later."
        assert await first.end() == "gjobs closed this tab, because it was idle for 10 min."
        await until_ended(served.pids)
    async with serving(tabs=1) as served:
        async with tab_of(served) as left:
            await left.send("stdin", "leave")
            assert await left.end() == "You have quit gjobs."
        await until_ended(served.pids)
        assert served.reports == []
    async with serving(tabs=1) as served, tab_of(served) as failing:
        await failing.send("stdin", "fail")
        assert await failing.end() == "gjobs stopped because of an error. Its log has more."
        (report,) = served.reports
        assert report.startswith("The process of a tab ended with exit code 3.")
        await until_ended(served.pids)


def test_settings_with_a_whole_configuration_can_be_sent_to_a_process() -> None:
    text = "\n".join(re.findall(r"^```toml\n(.*?)^```$", page_source("profiles"), re.MULTILINE | re.DOTALL))
    configuration = read_content(text.encode(), path=Path("/etc/gjobs.toml"))
    assert configuration.views
    settings = resolve(
        profile="production", data_dir=Path("/data"), environment={"GJOBS_AS": "anon"}, configuration=configuration
    )
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301


def test_control_characters_stay_visible_with_the_font_of_the_page() -> None:
    written: list[bytes] = []
    driver = object.__new__(BrowserDriver)  # The constructor opens the standard streams.
    driver._write = written.append  # type: ignore[assignment]
    driver.write("\x1b[1m" + clean("a\x1b\x00\x7f\u202eb ✓"))
    shown = "\x1b[1ma\ufffd\ufffd\ufffd\ufffdb ✓".encode()
    assert written == [b"D" + len(shown).to_bytes(4, "big") + shown]


UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


async def test_link_works_once_and_becomes_a_cookie() -> None:
    async with serving() as served:
        link = f"/?token={served.server.sign_ins.new_link()}"
        first = await served.get(link)
        assert status_of(first) == 200
        assert 'http-equiv="refresh" content="0;url=/"' in first
        assert "token=" not in first.replace(link, "")
        assert re.fullmatch(
            rf"gjobs_{served.port}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=Strict", header_of(first, "Set-Cookie")
        )
        cookie = cookie_of(first)
        assert status_of(await served.get("/", f"Cookie: {cookie}")) == 200
        assert status_of(await served.get(link, f"Cookie: other=1; {cookie}")) == 200
        again = await served.get(link)
        assert status_of(again) == 403
        assert "Set-Cookie" not in again
        assert "used before" in again
        second = f"/?token={served.server.sign_ins.new_link()}"
        assert "Set-Cookie" not in await served.get(second, f"Cookie: {cookie}")
        assert status_of(await served.get(second)) == 403
        assert served.reports == []


async def test_only_the_newest_links_work_and_a_cookie_counts_beside_others_of_its_name() -> None:
    async with serving() as served:
        oldest, *links = (f"/?token={served.server.sign_ins.new_link()}" for _ in range(MOST_LINKS + 1))
        assert status_of(await served.get(oldest)) == 403
        cookie = cookie_of(await served.get(links[0]))
        name = cookie.partition("=")[0]
        for sent in (f"{cookie}; {name}=wrong", f"{name}=wrong; {cookie}", f'a="x; {cookie}; b=y"'):
            assert status_of(await served.get("/", f"Cookie: {sent}")) == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", (), 401),
        ("/", ("Cookie: gjobs=wrong",), 401),
        ("/static/textual.js", (), 401),
        ("/ws", (), 403),
        ("/ws", ("Origin: http://{host}",), 401),
        ("/?token=", (), 403),
        ("/?token=wrong", (), 403),
        ("/?token=\xe9\x00", (), 400),
        ("/", ("{cookie}",), 200),
        ("/", ("{cookie}", "Origin: http://{host}"), 200),
        ("/", ("{cookie}", "Origin: http://127.0.0.1:1"), 403),
        ("/", ("{cookie}", "Origin: null"), 403),
        ("/", ("{cookie}", "Origin: http://{host}", "Origin: http://{host}"), 403),
        ("/ws", ("{cookie}", "Origin: http://evil.example.com", *UPGRADE), 403),
        ("/ws", ("{cookie}", *UPGRADE), 403),
        ("/ws", ("{cookie}", "Origin: https://{host}", *UPGRADE), 403),
        ("/ws", ("{cookie}", "Origin: http://{host}"), 400),
        ("/static/page.html", ("{cookie}",), 404),
        ("/static/..%2f..%2fpages.py", ("{cookie}",), 404),
        ("/download/0", ("{cookie}",), 404),
        ("/elsewhere", ("{cookie}",), 404),
    ],
)
async def test_requests_need_the_cookie_and_our_origin(path: str, headers: tuple[str, ...], status: int) -> None:
    async with serving() as served:
        cookie = f"Cookie: {await served.cookie()}"
        filled = [header.format(host=served.host, cookie=cookie) for header in headers]
        assert status_of(await served.get(path, *filled)) == status
        assert served.pids == []


async def test_broken_requests_are_refused_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as served:
        link = f"/?token={served.server.sign_ins.new_link()}"
        for line in (
            f"GET {link} \x1b[31m HTTP/1.1",
            f"GET {link}{'x' * 20_000} HTTP/1.1",
            "\x1b]0;x\x07",
        ):
            assert status_of(await served.send(line, f"Host: {served.host}")) == 400, line
        assert status_of(await served.send(f"GET {link} HTTP/1.1", f"Host: {served.host}", "X\x1b: y")) == 400
        for method in ("HEAD", "POST"):
            assert status_of(await served.send(f"{method} {link} HTTP/1.1", f"Host: {served.host}")) == 401
        assert status_of(await served.get(link)) == 200
        assert (caplog.records, served.reports) == ([], [])


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1:1", True),
        ("LocalHost", True),
        ("[::1]:8787", True),
        ("10.0.0.5:8787", False),
        ("rebound.example.com:8787", False),
        ("127.0.0.1@rebound.example.com", False),
        ("127.0.0.1.example.com", False),
        ("localhost:80.example.com", False),
    ],
)
async def test_host_must_be_a_loopback_name(host: str, is_ours: bool) -> None:
    async with serving() as served:
        refused = "does not accept this host name" in await served.get("/", host=host)
        assert refused is not is_ours
        assert status_of(await served.send("GET / HTTP/1.1", f"Host: {host}", "Host: localhost")) in (400, 403)


async def test_page_loads_nothing_from_another_server() -> None:
    async with serving() as served:
        cookie = f"Cookie: {await served.cookie()}"
        page = await served.get("/", cookie)
        assert "<title>&lt;/title&gt;&lt;script&gt;␛ · gjobs</title>" in page
        policy = header_of(page, "Content-Security-Policy")
        assert policy.startswith("default-src 'none'; script-src 'self'; font-src 'self'; ")
        assert f"connect-src 'self' ws://{served.host}; base-uri 'none'; " in policy
        assert (header_of(page, "Cache-Control"), header_of(page, "Referrer-Policy")) == ("no-store", "no-referrer")
        assert header_of(page, "X-Frame-Options") == "DENY"
        named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
        assert named == {f"/static/{name}" for name in FILES if not name.endswith(".ttf")}
        for name in FILES:
            answer = await served.get(f"/static/{name}", cookie)
            assert status_of(answer) == 200
            assert header_of(answer, "X-Content-Type-Options") == "nosniff"
            if not name.endswith(".ttf"):
                without_comments = re.sub(r"/\*.*?\*/", "", answer, flags=re.DOTALL)
                assert re.findall(r"https?://\w", without_comments) == [], name
