"""The web server of `gjobs serve`: which requests it answers, and the process of each tab."""

import asyncio
import json
import logging
import os
import pickle
import re
import secrets
import socket
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from html import escape
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

from aiohttp import WSCloseCode, WSMsgType, web
from multidict import CIMultiDictProxy
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from gjobs.store.configuration.settings import Settings
from gjobs.tui.text.clean_text import clean

_OUR_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)

_SECRET_BYTES = 32


def check_source(headers: CIMultiDictProxy[str], *, needs_origin: bool) -> None:
    """Raise HTTPForbidden if host or origin is not ours.

    A tunnel may change the port. A web page can point its own name here, so only the loopback names are accepted.
    """
    hosts, origins = headers.getall("Host", []), headers.getall("Origin", [])
    if len(hosts) != 1 or not _OUR_HOST.fullmatch(hosts[0]):
        raise web.HTTPForbidden(reason="gjobs does not accept this host name. Open the printed URL.")
    if (origins or needs_origin) and [origin.lower() for origin in origins] != [f"http://{hosts[0].lower()}"]:
        raise web.HTTPForbidden(reason="The request comes from another web page.")


MOST_LINKS = 32
"""Links that were printed and not opened. A further one invalidates the oldest."""


class SignIns:
    """Links that work once, and the cookies that they became. They exist only in memory, so they are gone when the
    server stops.
    """

    def __init__(self, *, reads_terminal: bool) -> None:
        """`reads_terminal` is whether Enter prints another link. If it is false, only a signal prints another link."""
        how = "press Enter in the terminal" if reads_terminal else "send SIGUSR1 to the process"
        self._for_another = f"For another link, {how} of 'gjobs serve'."
        self._links = deque[str](maxlen=MOST_LINKS)
        self._cookies: set[str] = set()
        """Hashes of the links' tokens, and of the cookies' values."""

    def new_link(self) -> str:
        """Return the token of a new link."""
        token = secrets.token_urlsafe(_SECRET_BYTES)
        self._links.append(_hash(token))
        return token

    def redeem(self, token: str, cookies: Sequence[str]) -> str | None:
        """Return a new cookie's value, or None if the browser has a valid one. The link doesn't work again.

        Raise HTTPForbidden if the token is wrong or was used before, and the browser has no valid cookie.
        """
        if is_valid := _hash(token) in self._links:
            self._links.remove(_hash(token))
        if not self._cookies.isdisjoint(map(_hash, cookies)):
            return None
        if not is_valid:
            raise web.HTTPForbidden(reason=f"This link was used before, or it is wrong. {self._for_another}")
        value = secrets.token_urlsafe(_SECRET_BYTES)
        self._cookies.add(_hash(value))
        return value

    def check(self, cookies: Sequence[str]) -> str:
        """Return which of the cookies is valid, as a hash. Raise HTTPUnauthorized if there is none."""
        for found in map(_hash, cookies):
            if found in self._cookies:
                return found
        raise web.HTTPUnauthorized(reason=f"Open the link that 'gjobs serve' printed. {self._for_another}")


def _hash(secret: str) -> str:
    """Hash a secret. Comparing hashes makes the comparison time reveal nothing about the secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


MODULE = "gjobs.tui.dashboard.frame.browser_tab"
DRIVER = "gjobs.tui.dashboard.terminal.browser_driver:BrowserDriver"

QUIT_SECONDS = 5.0
"""Seconds from the request to quit until the process is killed."""

WIDEST, TALLEST = 500, 200
"""Columns and rows."""

_OF_TERMINAL = frozenset(
    {"COLORTERM", "COLUMNS", "DISPLAY", "LINES", "NO_COLOR", "ROWS", "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "STY",
     "TERM", "TERMINFO", "TEXTUAL", "VTE_VERSION", "WAYLAND_DISPLAY", "WINDOWID", "WT_SESSION"}
)  # fmt: skip
_OF_TERMINAL_PREFIXES = ("TERM_", "TEXTUAL_", "TMUX", "KITTY_", "ITERM_", "LC_TERMINAL", "WEZTERM_", "ALACRITTY_")
_KEPT = frozenset({"TEXTUAL_ANIMATIONS"})

Size = tuple[int, int]
"""Columns and rows."""
Report = Callable[[str], None]
"""Prints a sentence for the person who runs the server."""


def tab_environment(environment: Mapping[str, str], size: Size) -> dict[str, str]:
    """Return the variables of a tab's process. Leave out the variables of the server's terminal, because the tab has
    its own.
    """
    columns, rows = size
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or not (name in _OF_TERMINAL or name.startswith(_OF_TERMINAL_PREFIXES))
    }
    return {
        **kept,
        "COLUMNS": str(columns),
        "ROWS": str(rows),
        "TERM": "xterm-256color",
        "TEXTUAL_COLOR_SYSTEM": "truecolor",
        "TEXTUAL_DRIVER": DRIVER,
    }


def bounded_size(columns: object, rows: object) -> Size | None:
    """Return the size of a screen, or None if it is not one."""
    if not (isinstance(columns, int) and isinstance(rows, int) and columns > 0 and rows > 0):
        return None
    return min(columns, WIDEST), min(rows, TALLEST)


class TabProcess(AppService):
    """The process of a tab, as textual-serve drives it. It needs no shell, and it always ends."""

    def __init__(
        self, settings: Settings, websocket: web.WebSocketResponse, report: Report, downloads: DownloadManager
    ) -> None:
        self._settings = settings
        self.websocket = websocket
        self._report = report
        self._ending: asyncio.Task[None] | None = None
        super().__init__(
            "",
            write_bytes=partial(_send, websocket.send_bytes),
            write_str=partial(_send, websocket.send_str),
            # `run` reports the end itself, with the exit code.
            close=partial(asyncio.sleep, 0),
            download_manager=downloads,
        )

    async def _open_app_process(self, width: int = 80, height: int = 24) -> asyncio.subprocess.Process:
        """Start the process. It gets its settings on a pipe, where nobody else can read them."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=tab_environment(os.environ, (width, height)),
            # Then Ctrl+C in the server's terminal reaches only the server, which stops its processes.
            start_new_session=True,
        )
        # textual-serve prints on the server's terminal what it reads here.
        process.stderr = asyncio.StreamReader()
        process.stderr.feed_eof()
        assert process.stdin is not None  # noqa: S101
        self._process, self._stdin = process, process.stdin
        settings = pickle.dumps(self._settings)
        process.stdin.write(len(settings).to_bytes(4, "big") + settings)
        return process

    async def run(self) -> None:
        await super().run()
        if self._process is None or self._ending is not None:
            return
        if exit_code := await self._process.wait():
            self._report(f"The process of a tab ended with exit code {exit_code}. See gjobs.log in the data directory.")
            await _close(self.websocket, "gjobs stopped because of an error. Its log has more.")
        else:
            await _close(self.websocket, "You have quit gjobs.")

    async def on_meta(self, data: bytes) -> None:
        """Pass on what the process asks the browser to do. Only web pages may be opened."""
        meta = json.loads(data)
        if meta.get("type") != "open_url" or urlsplit(str(meta.get("url"))).scheme in ("http", "https"):
            await super().on_meta(data)

    async def stop(self) -> None:
        """Ask the process to quit, and wait. Kill it if it does not. May be called twice."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        if self._process is None:
            return
        try:
            async with asyncio.timeout(QUIT_SECONDS):
                await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
                await self.send_meta({"type": "quit"})
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._task is not None:
            await self._task


_STATIC = Path(str(files("textual_serve"))) / "static"
_ASSETS = Path(__file__).with_name("assets")
FILES: Mapping[str, Path] = {
    "textual.js": _STATIC / "js" / "textual.js",
    "xterm.css": _STATIC / "css" / "xterm.css",
    "regular.ttf": _STATIC / "fonts" / "RobotoMono-VariableFont_wght.ttf",
    "italic.ttf": _STATIC / "fonts" / "RobotoMono-Italic-VariableFont_wght.ttf",
    "page.js": _ASSETS / "page.js",
    "page.css": _ASSETS / "page.css",
}
"""Everything that the page needs, by its name in the address. Nothing comes from another server."""

_PAGE = (_ASSETS / "page.html").read_text(encoding="utf-8")
_TITLE, _LONGEST_LABEL = "{title}", 60
_SIGNED_IN = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>gjobs</title></head>
<body><a href="/">Open gjobs</a></body></html>
"""
"""Moves on to the address without the token. A redirect would not work: browsers don't send a new strict cookie after
a link from another site.
"""

HEARTBEAT_SECONDS = 10.0
STUCK_SECONDS = 10.0
"""Seconds after which a process that does not read its input is ended."""
LARGEST_MESSAGE = 1_000_000
"""Bytes that a browser may send at once, for example in a paste."""
_COOKIE: web.RequestKey[str] = web.RequestKey("cookie", str)
"""The hash of the cookie that identifies the browser."""


Data = TypeVar("Data", bytes, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Limits of one server."""

    tabs: int
    """Tabs at the same time. Each has a process and its own queries."""
    idle: float
    """Seconds without a key or a mouse event after which a tab is closed."""
    idle_words: str
    """The same duration as text for messages."""


class TabServer:
    """Shows the page, and connects each tab with a process of its own."""

    def __init__(
        self,
        settings: Settings,
        limits: ServerLimits,
        *,
        port: int,
        report: Report,
        reads_terminal: bool = False,
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._report = report
        self.sign_ins = SignIns(reads_terminal=reads_terminal)
        # Cookies of a host are shared by all its ports.
        self._cookie = f"gjobs_{port}"
        self._tabs: dict[TabProcess, str] = {}
        """Which browser each tab belongs to, as the hash of its cookie."""
        self._downloads = DownloadManager()

    async def serve(self, listener: socket.socket) -> None:
        """Serve until cancelled. Then close all tabs and end their processes."""
        # The libraries quote requests, with tokens and escape sequences.
        for library in ("aiohttp", "textual-serve"):
            logging.getLogger(library).setLevel(logging.CRITICAL + 1)
        # Access logs would contain the tokens of links.
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/", self._page),
                web.get("/ws", self._tab),
                web.get("/static/{name}", self._file),
                web.get("/download/{key}", self._download),
            ]
        )
        application.on_response_prepare.append(self._add_headers)
        application.on_shutdown.append(self._close_all)
        return application

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Let only requests with the right host, origin and cookie pass."""
        try:
            check_source(request.headers, needs_origin=request.path == "/ws")
            cookies = [value for name, value in _cookies(request) if name == self._cookie]
            token = request.query.get("token")
            if token is not None and request.path == "/" and request.method == "GET":
                response = web.Response(text=_SIGNED_IN, content_type="text/html")
                if cookie := self.sign_ins.redeem(token, cookies):
                    response.set_cookie(self._cookie, cookie, path="/", httponly=True, samesite="Strict")
                return response
            request[_COOKIE] = self.sign_ins.check(cookies)
            return await handler(request)
        except web.HTTPException as error:
            return web.Response(status=error.status, text=f"{error.reason}\n")
        except Exception as error:
            # The error's text may quote the request. Its name never does.
            self._report(f"A request failed with an internal error: {type(error).__name__}. gjobs keeps serving.")
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text="gjobs failed with an internal error.\n")

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        # Only a host that was checked may stand in the policy.
        sockets = f" ws://{request.headers['Host']}" if request.get(_COOKIE) else ""
        response.headers.update(
            {
                "Cache-Control": "no-store",
                "Content-Security-Policy": (
                    "default-src 'none'; script-src 'self'; font-src 'self'; img-src 'self'; "
                    # The terminal in the page writes a style sheet with the size of its cells.
                    "style-src 'self' 'unsafe-inline'; "
                    f"connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
                ),
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
            }
        )

    async def _page(self, request: web.Request) -> web.Response:  # noqa: ARG002
        label = self._settings.profile.label
        title = f"{clean(label, limit=_LONGEST_LABEL)} · gjobs" if label else "gjobs"
        return web.Response(text=_PAGE.replace(_TITLE, escape(title)), content_type="text/html")

    async def _file(self, request: web.Request) -> web.FileResponse:
        path = FILES.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound
        return web.FileResponse(path)

    async def _tab(self, request: web.Request) -> web.WebSocketResponse:
        """Run a tab until the browser, the dashboard or a limit ends it."""
        websocket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_MESSAGE)
        await websocket.prepare(request)
        # While a page loads again, the process of its former connection is still ending.
        if sum(not other.websocket.closed for other in self._tabs) >= self._limits.tabs:
            limit = f"The limit of open tabs is reached ({self._limits.tabs})."
            await _close(websocket, f"{limit} Close another tab, or try again later.")
            return websocket
        process = TabProcess(self._settings, websocket, self._report, self._downloads)
        self._tabs[process] = request[_COOKIE]
        try:
            await process.start(*(_size_of(request) or (80, 24)))
            await self._pass_on(process)
        finally:
            await process.stop()
            del self._tabs[process]
            await websocket.close()
        return websocket

    async def _pass_on(self, process: TabProcess) -> None:
        """Pass on what the browser sends, until the websocket closes or nothing was typed for too long."""
        websocket, now = process.websocket, asyncio.get_running_loop().time
        idle_at = now() + self._limits.idle
        while True:
            try:
                async with asyncio.timeout_at(idle_at):
                    message = await websocket.receive()
            except TimeoutError:
                await _close(websocket, f"gjobs closed this tab, because it was idle for {self._limits.idle_words}.")
                return
            if message.type is not WSMsgType.TEXT:
                if message.type is WSMsgType.BINARY:
                    continue
                return
            try:
                async with asyncio.timeout(STUCK_SECONDS):
                    is_input = await _deliver(message.data, process)
            except TimeoutError:
                await _close(websocket, "The dashboard has not read its input for too long. gjobs ended it.")
                return
            if is_input:
                idle_at = now() + self._limits.idle

    async def _close_all(self, application: web.Application) -> None:  # noqa: ARG002
        closing = [_close(process.websocket, "'gjobs serve' has stopped.") for process in self._tabs]
        await asyncio.gather(*closing, *(process.stop() for process in self._tabs))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """Send a file that a dashboard of the same browser delivers."""
        key = request.match_info["key"]
        try:
            download = await self._downloads.get_download_metadata(key)
            owner = self._tabs[download.app_service]  # type: ignore[index]
        except KeyError:
            raise web.HTTPNotFound from None
        if owner != request[_COOKIE]:
            raise web.HTTPNotFound
        response = web.StreamResponse()
        # Never shown in the page, because its content comes from the database.
        response.content_type = "application/octet-stream"
        response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(download.file_name, safe='')}"
        await response.prepare(request)
        async for chunk in self._downloads.download(key):
            await response.write(chunk)
        await response.write_eof()
        return response


def _cookies(request: web.Request) -> list[tuple[str, str]]:
    """Return all cookies, also those that have the same name. Apps on other ports may set any."""
    parts = (
        part.strip().partition("=") for header in request.headers.getall("Cookie", []) for part in header.split(";")
    )
    return [(name, value) for name, _, value in parts]


def _size_of(request: web.Request) -> Size | None:
    try:
        return bounded_size(int(request.query["width"]), int(request.query["height"]))
    except (KeyError, ValueError):
        return None


async def _send(send: Callable[[Data], Awaitable[None]], data: Data) -> None:
    """Send to the browser. If it is gone, drop the data: the process must not wait."""
    with suppress(ConnectionError, RuntimeError):
        await send(data)


async def _close(websocket: web.WebSocketResponse, reason: str) -> None:
    await websocket.close(code=WSCloseCode.GOING_AWAY, message=reason.encode()[:123])


async def _deliver(text: str, process: TabProcess) -> bool:
    """Deliver a message of the page. Return whether a person caused it. Other messages are ignored."""
    try:
        match json.loads(text):
            case ["stdin", str(data)]:
                await process.send_bytes(data.encode("utf-8", "ignore"))
                return True
            case ["resize", {"width": columns, "height": rows}] if size := bounded_size(columns, rows):
                await process.set_terminal_size(*size)
            case ["ping", str(data)]:
                await process.websocket.send_json(["pong", data])
            case ["focus"]:
                await process.focus()
            case ["blur"]:
                await process.blur()
    except (ValueError, RecursionError, ConnectionError):
        pass
    return False
