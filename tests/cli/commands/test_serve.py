"""`gjobs serve`: options, links, and the dashboard in a real browser."""

import asyncio
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import pytest

from gjobs.store.configuration.settings import WriteMode, resolve
from gjobs.tui.cli.commands.serve import TABS_ARE_READ_ONLY, introduction
from tests.chromium import PATIENCE, Chromium, Page, connected, headless_chromium
from tests.cli.cli_rows import FAILED
from tests.cli.command_line import OpenTerminal, PipedCommand, Result, Run, Sql, assert_refused
from tests.odd_input import LATE_REPLIES, ODD_INPUT
from tests.store.store_fixtures import until
from tests.tui.browser.tab_servers import Tab

LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/\?token=[\w-]{43}")


HOSTILE = (
    " \x1b]52;c;aGFja2Vk\x07\x1b]0;hacked\x07\x9b2J<script>document.title = 'hacked'</script>[@click=app.quit]x[/]"
)
"""Unless cleaned, it sets the clipboard, renames and clears a terminal, or runs a script in a page."""


class ServeCommand(PipedCommand):
    """`gjobs serve` on a free port."""

    def __init__(self, *arguments: str) -> None:
        super().__init__("serve", "--port", "0", *arguments)
        self.link = self.next_link()

    def next_link(self) -> str:
        """Read until the next link."""
        for line in self.err:
            if found := LINK.search(line):
                self.port = int(found[1])
                return found[0]
        raise AssertionError("no link was printed")

    def another_link(self) -> str:
        self.send_signal(signal.SIGUSR1)
        return self.next_link()

    def tabs(self) -> list[int]:
        """Return the processes of the tabs."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [int(pid) for pid in children.split()]


@contextmanager
def serving(*arguments: str) -> Iterator[ServeCommand]:
    command = ServeCommand(*arguments)
    try:
        yield command
    finally:
        command.close()


def text_of(path: Path) -> str:
    """Return the text of a file that may not exist."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def exists(pid: int) -> bool:
    """Return whether the process runs. Some machines never remove a process whose parent has ended."""
    return text_of(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[:1] not in ([], ["Z"])


async def until_ended(pids: list[int]) -> None:
    await until(lambda: not any(map(exists, pids)))


def test_missing_user_and_used_port_are_refused_before_a_link_is_printed(gjobs: Run, url: str) -> None:
    assert_refused(gjobs("serve", "--port", "0", "--as", "nobody@example.com"), 1, "No user has the e-mail")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = f"Can't listen on 127.0.0.1, port {port}: Address already in use."
        assert_refused(gjobs("serve", "--port", str(port)), 2, words)


CLOSED = {"write_rule": WriteMode.CLOSED, "closed_by": TABS_ARE_READ_ONLY}


@pytest.mark.parametrize(
    ("options", "environment", "changes", "sentences"),
    [
        ({}, {}, CLOSED, ["Serving the sample database. Tabs are read-only. --allow-write changes that."]),
        ({"profile": "embedded"}, {}, {}, ["Serving the embedded database. Tabs may write."]),
        (
            {"act_as": "ada@example.com"},
            {"DATABASE_URL": "postgres://u:hunter2@h:6432/d"},
            {},
            [
                "Serving DATABASE_URL (h:6432/d). Tabs are read-only until a visitor presses W and enters a reason.",
                "--as does not confine visitors: they can act as any user.",
            ],
        ),
        (
            {"database_url": "postgres://u:hunter2@h/d"},
            {},
            CLOSED,
            ["Serving h/d. Tabs are read-only. --allow-write changes that."],
        ),
    ],
)
def test_first_sentences_name_the_database_and_what_visitors_may_do(
    options: dict[str, str], environment: dict[str, str], changes: dict[str, Any], sentences: list[str]
) -> None:
    settings = resolve(**options, data_dir=Path("/data"), environment=environment)  # type: ignore[arg-type]
    assert introduction(replace(settings, **changes)) == sentences


def refused_page(url: str) -> str:
    """Return the text that a stranger reads."""
    with pytest.raises(HTTPError) as refused, urlopen(url, timeout=PATIENCE):  # noqa: S310
        pass
    with refused.value as answer:
        return answer.read().decode()


def test_enter_prints_another_link_and_an_interrupt_stops(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal("serve", "--port", "0")
    terminal.read_until("Ctrl+C to stop.")
    (first,) = LINK.finditer(terminal.screen)
    assert "press Enter in the terminal of" in refused_page(first[0].partition("?")[0])
    terminal.screen = ""
    terminal.type("\n")
    terminal.read_until("token=")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.finish() == 130
    (second,) = LINK.finditer(terminal.screen)
    assert second[0] != first[0]


async def test_browser_shows_filters_copies_exports_and_shares_nothing_with_another_visitor(
    sql: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sql("update generation_jobs set error = error || %s where id = %s", HOSTILE, FAILED)
    with headless_chromium() as chromium, serving("--as", "ada@example.com") as served:
        async with connected(chromium) as browser:
            page = await browser.new_page(await browser.new_context())
            await browser.call(
                "Browser.grantPermissions",
                browserContextId=page.context,
                permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
            )
            await page.open(served.link)
            screen = await page.wait_for("API timeout", "Autumn catalog", "read-only")
            assert await page.evaluate("location.href") == f"http://127.0.0.1:{served.port}/"
            assert await page.evaluate("document.cookie") == ""
            async with raw_tab(served.another_link()) as ben:
                await act_as_ben(ben)
            await use_tab(page, browser, tmp_path)
            await page.resize(1000, 1000)
            await page.wait_until(page.screen, lambda text: len(text.splitlines()) > len(screen.splitlines()), "size")
            hosts = {re.sub(r"^\w+://([^/]*).*", r"\1", url) for url in browser.requested if "://" in url}
            assert hosts == {f"127.0.0.1:{served.port}"}
            assert browser.errors == []
            assert await page.evaluate("document.title") == "world · gjobs"
            await until(lambda: len(served.tabs()) == 1)
            tabs = served.tabs()
            served.kill()
            await page.wait_until(
                lambda: page.evaluate("document.getElementById('reason').innerText"),
                lambda text: text == "The connection to gjobs was lost.",
                "reason",
            )
            await until_ended(tabs)


async def use_tab(page: Page, browser: Chromium, directory: Path) -> None:
    """Ask for a write permit, filter the list, and copy and export the failed job."""
    await page.type("W")
    await page.wait_for("Tabs are read-only. Start 'gjobs serve' with --allow-write.")
    await page.escape()  # Otherwise text typed within a second of the refusal is dropped.
    await page.type("/")
    await page.wait_for("any word of an error")
    await page.type("status:failed")
    await page.enter()
    await page.wait_for("API timeout", without="main_white")
    await page.enter()
    await page.wait_for(str(FAILED))
    await page.escape()
    await page.type("y")
    await page.wait_for("Copied")
    assert browser.errors == []
    await page.wait_until(page.clipboard, lambda text: text == str(FAILED), "the id is not in the clipboard")
    await browser.download_to(directory / "downloads", page.context)
    await page.type("e")
    await page.wait_for("CSV in jobs.csv")
    await page.enter()
    exported = directory / "downloads" / "jobs.csv"
    screen = await page.wait_until(page.screen, lambda _: str(FAILED) in text_of(exported), "no file was downloaded")
    assert text_of(directory / "jobs.csv") == ""
    assert "Spring lookbook" not in screen, "the other visitor acts as ben"


async def act_as_ben(tab: Tab) -> None:
    await tab.send("focus")
    await tab.read_until(b"API timeout")
    await tab.send("stdin", "u")
    await tab.read_until(b"Act as")
    await tab.send("stdin", "ben@example.com\r")
    await tab.read_until(b"Spring lookbook")


@asynccontextmanager
async def raw_tab(link: str) -> AsyncIterator[Tab]:
    origin = link.partition("/?")[0]
    cookies = aiohttp.CookieJar(unsafe=True)  # Also accept cookies from hosts that are IP addresses.
    async with aiohttp.ClientSession(cookie_jar=cookies) as client:
        assert (await client.get(link)).status == 200
        async with client.ws_connect(f"{origin}/ws?width=120&height=36", headers={"Origin": origin}) as websocket:
            yield Tab(websocket)


@pytest.mark.usefixtures("url")
async def test_writing_tab_keeps_a_journal_ignores_invalid_input_and_ends_with_the_server(gjobs: Run, sql: Sql) -> None:
    # The odd input holds a key that would open an earlier moment.
    sql("update gjobs.fold_state set recorded_since = '2100-01-01Z'")
    with serving("--as", "ada@example.com", "--allow-write") as served:
        async with raw_tab(served.link) as tab:
            assert "send SIGUSR1 to the process of" in await asyncio.to_thread(refused_page, served.link)
            await tab.send("focus")
            await tab.read_until(b"API timeout")
            sent_at = 0.0
            async with asyncio.timeout(PATIENCE):
                while not (entries := gjobs("journal", "--json").document):
                    # A key sent before the whole frame is drawn is dropped, and so is text within a second after it.
                    if time.monotonic() > sent_at + 3.0:
                        await tab.send("stdin", "s")
                        sent_at = time.monotonic()
                    await asyncio.sleep(0.05)
            assert [(entry["what"], entry["actor"]) for entry in entries] == [
                ("transition job to running", "ada@example.com")
            ]
            for data in (*ODD_INPUT, *LATE_REPLIES):
                await tab.send("stdin", data.decode("utf-8", "surrogateescape"))
            await tab.send("stdin", "?")
            await tab.read_until(b"Complete the job")
            tabs = served.tabs()
            served.send_signal(signal.SIGTERM)
            assert await tab.end() == "'gjobs serve' has stopped."
            await until_ended(tabs)
        words = f"Run 'kill -USR1 {served.pid}' for another link, or 'kill {served.pid}' to stop.\n"
        assert served.end() == Result(code=-signal.SIGTERM, out="", err=words)
