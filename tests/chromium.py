"""Headless Chromium, driven over its DevTools protocol."""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from tests.conftest import require_tool

PATIENCE = 60.0
"""Seconds that a test waits for a screen: far more than any step takes, even on a busy machine."""
_PAUSE = 0.1

_OPTIONS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    # Drawing without a graphics card takes longer than everything else in these tests.
    "--disable-gpu",
    "--disable-3d-apis",
    "--disable-software-rasterizer",
    "--disable-sync",
    "--mute-audio",
    # The window of a new profile costs more than the browser's start. Tests open pages of their own.
    "--no-startup-window",
    "--window-size=1200,800",
)

# textual.js does not expose its terminal. It stores the terminal in an attribute named `terminal`, so this setter
# catches it.
_FIND_TERMINAL = """
Object.defineProperty(Object.prototype, "terminal", {
  configurable: true,
  set(value) {
    Object.defineProperty(this, "terminal", { value, writable: true, enumerable: true, configurable: true });
    if (value && value.buffer) window.foundTerminal = value;
  },
});
"""
_READ_TERMINAL = """
(() => {
  const buffer = window.foundTerminal?.buffer.active;
  if (!buffer) return "";
  const lines = [];
  for (let y = 0; y < buffer.length; y++) lines.push(buffer.getLine(y).translateToString(true));
  return lines.join("\\n");
})()
"""
_LEFT = "Inspected target navigated or closed"
"""The browser's error if the page that runs a script is left."""


class Page:
    """A tab of the browser."""

    def __init__(self, browser: "Chromium", session: str, target: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self.context = context

    async def call(self, method: str, **parameters: object) -> Any:
        return await self._browser.call(method, session=self._session, **parameters)

    async def evaluate(self, script: str) -> Any:
        done = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def screen(self) -> str:
        """Return the text of the terminal in the page. It is empty while the page goes to another address."""
        try:
            return str(await self.evaluate(_READ_TERMINAL))
        except AssertionError as error:
            if _LEFT in str(error):
                return ""
            raise

    async def clipboard(self) -> str:
        """Return the browser's clipboard, which the page itself cannot read."""
        own = "Object.getOwnPropertyDescriptor(Navigator.prototype, 'clipboard').get.call(navigator)"
        return str(await self.evaluate(f"{own}.readText()"))

    async def wait_for(self, *texts: str, without: str | None = None) -> str:
        """Wait for a screen that shows all texts, and return it."""

        def is_wanted(screen: str) -> bool:
            return all(text in screen for text in texts) and (without is None or without not in screen)

        return str(await self.wait_until(self.screen, is_wanted, f"{texts} did not appear"))

    async def wait_until(self, read: Callable[[], Any], is_wanted: Callable[[Any], bool], problem: str) -> Any:
        found = None
        try:
            async with asyncio.timeout(PATIENCE):
                while not is_wanted(found := await read()):  # noqa: ASYNC110
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise AssertionError(f"{problem}:\n{found}") from None
        return found

    async def type(self, text: str) -> None:
        """Press the keys of the characters."""
        for character in text:
            await self.press(character, text=character)

    async def press(self, key: str, *, text: str | None = None, code: int = 0) -> None:
        # Codes of other characters stand for other keys: 46 is a full stop, and the delete key.
        shared = {"key": key, "windowsVirtualKeyCode": code or (ord(key.upper()) if key.isalnum() else 0)}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **shared, **({"text": text} if text else {}))
        await self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    async def enter(self) -> None:
        await self.press("Enter", text="\r", code=13)

    async def escape(self) -> None:
        await self.press("Escape", code=27)

    async def resize(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def close(self) -> None:
        await self._browser.call("Target.closeTarget", targetId=self._target)


class Chromium:
    """A connection to a running browser."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.contexts: list[str] = []
        self.requested: set[str] = set()
        """The addresses that pages requested."""
        self.errors: list[str] = []
        """Uncaught errors of scripts, and what the policy of a page forbade."""

    async def call(self, method: str, *, session: str | None = None, **parameters: object) -> Any:
        number = next(self._numbers)
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        await self._websocket.send_json(message if session is None else {**message, "sessionId": session})
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def read(self) -> None:
        """Read answers and events until the connection ends."""
        async for message in self._websocket:
            found = json.loads(message.data)
            if "id" in found:
                answer = self._answers.pop(found["id"])
                if "error" in found:
                    answer.set_exception(AssertionError(found["error"]))
                else:
                    answer.set_result(found["result"])
            elif found["method"] == "Network.requestWillBeSent":
                self.requested.add(found["params"]["request"]["url"])
            elif found["method"] == "Network.webSocketCreated":
                self.requested.add(found["params"]["url"])
            elif found["method"] == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(found["params"]["exceptionDetails"]))
            elif found["method"] == "Log.entryAdded" and found["params"]["entry"]["source"] == "security":
                self.errors.append(found["params"]["entry"]["text"])

    async def new_context(self) -> str:
        """Return a new browser context. Contexts share no cookies."""
        context = str((await self.call("Target.createBrowserContext"))["browserContextId"])
        self.contexts.append(context)
        return context

    async def download_to(self, directory: Path, context: str) -> None:
        await self.call(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(directory), browserContextId=context
        )

    async def new_page(self, context: str) -> Page:
        target = (await self.call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        attached = await self.call("Target.attachToTarget", targetId=target, flatten=True)
        page = Page(self, attached["sessionId"], target, context)
        for domain in ("Page", "Network", "Runtime", "Log"):
            await page.call(f"{domain}.enable")
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=_FIND_TERMINAL)
        return page


@contextmanager
def headless_chromium() -> Iterator[str]:
    """Start the browser with a new profile, and yield the address of its websocket. Skip if it is not installed."""
    program = require_tool("chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = [*_OPTIONS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield _address(Path(profile) / "DevToolsActivePort")
        finally:
            process.kill()
            process.wait()


def _address(file: Path) -> str:
    """Wait for the file in which the browser writes the port and the path of its websocket."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(FileNotFoundError, ValueError):
            port, path = file.read_text(encoding="utf-8").split()
            return f"ws://127.0.0.1:{port}{path}"
        assert time.monotonic() < deadline, "Chromium did not start"
        time.sleep(_PAUSE)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Chromium]:
    """Connect to the browser. At the end, close the contexts that were opened."""
    async with aiohttp.ClientSession() as client, client.ws_connect(address, max_msg_size=0) as websocket:
        browser = Chromium(websocket)
        reading = asyncio.create_task(browser.read())
        try:
            yield browser
        finally:
            for context in browser.contexts:
                await browser.call("Target.disposeBrowserContext", browserContextId=context)
            reading.cancel()
