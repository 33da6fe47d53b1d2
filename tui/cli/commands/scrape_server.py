"""Serves scrapes on the loopback interface."""

import asyncio
import io
import re
import socket
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException, parse_headers

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from gjobs.tui.cli.commands.openmetrics import Collected, Scrapes
from gjobs.tui.cli.output import print_message, show_where

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
MOST_CONNECTIONS = 256
"""The most connections at a time; more wait in the backlog. Each needs a descriptor, and a process often has only
1,024.
"""
READ_SECONDS = 3.0
"""The time for a whole request. The client is on this machine."""
WRITE_SECONDS = 10.0
LONGEST_REQUEST = 16_384
"""Bytes."""

_HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Accepted hosts. Other hosts are refused, because a web page could reach this server through the page's own domain
name.
"""
_HOST = re.compile(rf"(?:{'|'.join(map(re.escape, _HOSTS))})(?::[0-9]{{1,5}})?", re.IGNORECASE)
"""Any port, because the port differs behind an SSH tunnel. No domain name gets past this check, whatever its port."""
_TARGET = re.compile(rb"(?:http://[^/?]*)?/(?:metrics)?(?:\?.*)?", re.IGNORECASE)
"""A request target that returns the metrics. Monitoring systems may add a query, and a proxy sends the whole
address.
"""
_OPENMETRICS = "application/openmetrics-text"
_END = b"\r\n\r\n"
_FULL_PAUSE = 0.1
"""Seconds."""
_TEXT = "text/plain; charset=utf-8"


def listen(port: int) -> socket.socket:
    """Listen on the loopback interface. Raises OSError if the port is in use."""
    listener = socket.create_server((LOOPBACK, port), backlog=BACKLOG)
    listener.setblocking(False)
    return listener


class ScrapeServer:
    def __init__(self, scrapes: Scrapes) -> None:
        self._scrapes = scrapes
        self._slots = asyncio.Semaphore(MOST_CONNECTIONS)
        self._last_fault = ""

    async def serve(self, listener: socket.socket) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as connections:
            while True:
                await self._slots.acquire()
                try:
                    connection, _ = await loop.sock_accept(listener)
                except OSError:
                    # The process has no descriptor left, or the client is gone already.
                    self._slots.release()
                    await asyncio.sleep(_FULL_PAUSE)
                else:
                    connections.create_task(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            with connection, suppress(OSError):  # The client is gone or too slow. TimeoutError is an OSError.
                connection.setblocking(False)
                async with asyncio.timeout(READ_SECONDS):
                    request = await _request(connection)
                answer = await self._answered(request)
                async with asyncio.timeout(WRITE_SECONDS):
                    await loop.sock_sendall(connection, answer)
        finally:
            self._slots.release()

    async def _answered(self, request: bytes) -> bytes:
        """Return the answer, also after an error of gjobs itself: it must not end the server."""
        try:
            answer = await self._answer(request)
        except Exception as error:
            # The error's text may quote the database. Its name never does.
            fault = type(error).__name__
            if fault != self._last_fault:
                print_message(f"A scrape failed with an internal error: {fault}. gjobs answered 500 and keeps serving.")
                show_where(error)
            self._last_fault = fault
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._last_fault = ""
        return answer

    async def _answer(self, request: bytes) -> bytes:
        head, end, _ = request.partition(_END)
        first, _, fields = head.partition(b"\r\n")
        method, _, rest = first.partition(b" ")
        try:
            headers = parse_headers(io.BytesIO(fields + _END))
        except HTTPException:
            return _response(HTTPStatus.BAD_REQUEST)
        if not end:
            return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        hosts = headers.get_all("Host", [])
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0].strip()):
            return _response(HTTPStatus.FORBIDDEN, f"The host must be one of {', '.join(_HOSTS)}.\n")
        if method not in (b"GET", b"HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED)
        has_body = method == b"GET"
        if not _TARGET.fullmatch(rest.partition(b" ")[0]):
            return _response(HTTPStatus.NOT_FOUND, "The metrics are at /metrics.\n", has_body=has_body)
        collected = Collected(await self._scrapes.answer())
        if _OPENMETRICS in headers.get("Accept", ""):
            text = openmetrics.generate_latest(collected)  # type: ignore[no-untyped-call]
            content_type = openmetrics.CONTENT_TYPE_LATEST
        else:
            text, content_type = generate_latest(collected), CONTENT_TYPE_PLAIN_0_0_4
        return _response(HTTPStatus.OK, text.decode(), content_type, has_body=has_body)


async def _request(connection: socket.socket) -> bytes:
    """Read until the headers end, or until the request is too long."""
    received = bytearray()
    while _END not in received and len(received) < LONGEST_REQUEST:
        part = await asyncio.get_running_loop().sock_recv(connection, 4_096)
        if not part:
            raise ConnectionError
        received += part
    return bytes(received)


def _response(status: HTTPStatus, text: str = "", content_type: str = _TEXT, *, has_body: bool = True) -> bytes:
    body = (text or f"{status.phrase}\n").encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (body if has_body else b"")
