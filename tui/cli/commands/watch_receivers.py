"""Sends transitions to stdout, a program or a webhook."""

import asyncio
import hashlib
import hmac
import json
import os
import shlex
import shutil
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from store.formats import money, plain_time
from store.poller import wait_after_failure
from store.watch.watch import Transition
from tui.cli.exit_codes import UsageError
from tui.cli.json_documents import Json
from tui.cli.output import Output, print_message, put
from tui.text.clean_text import clean_cell, pad, shorten
from tui.text.format import error_summary, local_time, short_id
from tui.text.status_text import STATUS_COLOURS, UNKNOWN_COLOUR, status_word

if TYPE_CHECKING:
    import httpx

_GONE = "deleted"
_NEW = "new"
_STATE_CELLS = 9
_MODE_CELLS = 16
_MONEY_CELLS = 9
_RESET = "\x1b[0m"


def document(transition: Transition) -> Mapping[str, Json]:
    return {
        "key": transition.key,
        "cursor": None if transition.cursor is None else str(transition.cursor),
        "observed": transition.cursor is None,
        "at": plain_time(transition.at),
        "job_id": str(transition.job_id),
        "from": transition.from_status,
        "to": transition.to_status or _GONE,
        "mode": transition.mode,
        "cost_cents": transition.cost_cents,
        "error": transition.error,
        "user_id": None if transition.user_id is None else str(transition.user_id),
        "project_id": str(transition.project_id),
    }


def line(transition: Transition, *, width: int | None, colour: bool) -> str:
    """Time, job, from, to, mode, cost and the error's first line. `width` is in cells; None never cuts."""
    to = _GONE if transition.to_status is None else status_word(transition.to_status)
    came_from = _NEW if transition.from_status is None else status_word(transition.from_status)
    begins = "  ".join(
        [
            local_time(transition.at),
            short_id(transition.job_id),
            f"{pad(came_from, _STATE_CELLS)} → ",
        ]
    )
    ends = "  ".join(
        [
            pad(clean_cell(transition.mode, _MODE_CELLS), _MODE_CELLS),
            pad(money(transition.cost_cents), _MONEY_CELLS, right=True),
            clean_cell(error_summary(transition.error), width or _LONGEST_ERROR),
        ]
    ).rstrip()
    left = None if width is None else max(width - len(begins) - _STATE_CELLS - 2, 0)
    shown = pad(to, _STATE_CELLS)
    if colour and transition.to_status is not None:
        start = STATUS_COLOURS.get(to, UNKNOWN_COLOUR)
        shown = f"{start}{shown}{_RESET}"
    return f"{begins}{shown}  {ends if left is None else shorten(ends, left)}".rstrip()


_LONGEST_ERROR = 1_000

SIGNATURE_HEADER = "Gjobs-Signature"
KEY_HEADER = "Idempotency-Key"
"""The same for each attempt, so that whoever has had it already can tell."""


def signature(secret: bytes, body: bytes, *, sent_at: int) -> str:
    """`t=TIME,v1=HEX`: HMAC-SHA256 of `TIME.BODY`, with the time in seconds since 1970."""
    signed = b"%d.%b" % (sent_at, body)
    return f"t={sent_at},v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"


SECRET_VARIABLE = "GJOBS_WEBHOOK_SECRET"  # noqa: S105
ANSWER_TIME = 10.0
"""Seconds that a web server has for the whole of an attempt, however slowly it answers."""
PROGRAM_GRACE = 2.0
"""Seconds that a program has to end when the watch does; then it is killed."""
FIRST_WAIT = 1.0
"""Seconds until the second attempt; then twice as long each time."""


class ReaderGone(Exception):
    """Nobody reads stdout any more."""


class Receiver(Protocol):
    async def tell(self, transition: Transition) -> None:
        """Returns when the transition need not be told again. To stop it, cancel it."""


class Printer:
    """A line each, at once. Raises ReaderGone."""

    def __init__(self, output: Output) -> None:
        self._output = output

    async def tell(self, transition: Transition) -> None:
        if not put(f"{self._line(transition)}\n"):
            raise ReaderGone

    def _line(self, transition: Transition) -> str:
        if self._output.json:
            return json.dumps(document(transition))
        width = shutil.get_terminal_size().columns if self._output.is_terminal else None
        return line(transition, width=width, colour=self._output.has_colour)


class Program:
    """Started anew for each transition, with its document on its standard input; it is waited for.

    The command is what was typed: nothing of the database's is ever in it. That it fails is said, and its own matter.
    """

    def __init__(self, command: str) -> None:
        """Raises UsageError where there is no such program."""
        try:
            self._words = shlex.split(command)
        except ValueError:
            raise UsageError("The command of --exec has a quote that is never closed.") from None
        if not self._words or shutil.which(self._words[0]) is None:
            raise UsageError(
                f"There is no program {self._words[0] if self._words else ''!r}.",
                hint="--exec takes a program and its arguments; a pipeline goes into a script, or into sh -c '…'.",
            )

    async def tell(self, transition: Transition) -> None:
        """Raises UsageError where it is there and does not start."""
        try:
            process = await asyncio.create_subprocess_exec(*self._words, stdin=PIPE)
        except OSError as error:
            raise UsageError(
                f"{self._words[0]} cannot be started: {error.strerror}.",
                hint="A script begins with the program that it is for, as in #!/bin/sh.",
            ) from error
        try:
            # It may end without reading.
            with suppress(BrokenPipeError, ConnectionResetError):
                await process.communicate(json.dumps(document(transition)).encode() + b"\n")
            code = await process.wait()
        except BaseException:
            await _end(process)
            raise
        if code != 0:
            print_message(f"{self._words[0]} ended with {code} for the job {transition.job_id}.")


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), PROGRAM_GRACE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Webhook:
    """Posts the document until it is accepted, later each time: at least once, with a key to tell it by.

    A server that answers 410 Gone gets nothing more. What it answers is not followed anywhere, and neither shown nor
    kept.
    """

    def __init__(
        self, client: "httpx.AsyncClient", url: str, secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._url = url
        self._secret = secret
        self._clock = clock
        self._host = urlsplit(url).hostname or ""
        self._is_gone = False

    async def tell(self, transition: Transition) -> None:
        body = json.dumps(document(transition)).encode()
        attempts = 0
        while not self._is_gone and (refusal := await self._post(transition.key, body)) is not None:
            attempts += 1
            if attempts == 1:
                print_message(f"{self._host} does not take the webhook: {refusal}. It is tried again until it does.")
            await asyncio.sleep(wait_after_failure(FIRST_WAIT, attempts))
        if attempts and not self._is_gone:
            print_message(f"{self._host} has taken the webhook after {attempts + 1} attempts.")

    async def _post(self, key: str, body: bytes) -> str | None:
        """Why it was not accepted; None where it was, or where nothing will be any more."""
        import httpx

        headers = {
            "Content-Type": "application/json",
            KEY_HEADER: key,
            SIGNATURE_HEADER: signature(self._secret, body, sent_at=int(self._clock())),
        }
        try:
            # httpx's own limits are of one read or write each.
            async with (
                asyncio.timeout(ANSWER_TIME),
                self._client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                if response.status_code == httpx.codes.GONE:
                    self._is_gone = True
                    print_message(f"{self._host} answers 410 Gone. Nothing more is sent to it; the watch goes on.")
                    return None
                return None if response.is_success else f"it answers {response.status_code}"
        except (TimeoutError, httpx.TimeoutException):
            return f"no answer within {ANSWER_TIME:g} s"
        except httpx.ConnectError:
            return "no connection to it"
        except httpx.HTTPError as error:
            # Its text may hold the address, and that a token.
            return type(error).__name__


def webhook_url(text: str) -> str:
    """Raises UsageError where it is none."""
    import httpx

    try:
        parts = urlsplit(text)
        # Asked for its port, the one says whether that is a number that can be one; the other is who uses the address.
        is_whole = bool(parts.hostname) and parts.port != 0 and bool(httpx.URL(text).host)
    except (ValueError, httpx.InvalidURL):
        is_whole = False
    if not is_whole or parts.scheme not in ("http", "https"):
        raise UsageError("The address of --webhook is none.", hint="It begins with https:// or http://.")
    return text


def webhook_secret() -> bytes:
    """Raises UsageError where there is none."""
    secret = os.fsencode(os.environ.get(SECRET_VARIABLE, ""))
    if not secret.strip():
        raise UsageError(
            "A webhook is signed, and there is no secret to sign it with.",
            hint=f"Set {SECRET_VARIABLE} to a long random text that the receiver knows, too.",
        )
    return secret
