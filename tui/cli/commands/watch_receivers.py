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

from gjobs.store.formats import money, plain_time
from gjobs.store.poller import wait_after_failure
from gjobs.store.watch.watch import Transition
from gjobs.tui.cli.exit_codes import UsageError
from gjobs.tui.cli.output import Output, print_message, put
from gjobs.tui.text.clean_text import clean_cell, pad, shorten
from gjobs.tui.text.format import error_summary, local_time, short_id
from gjobs.tui.text.shared_documents import Json
from gjobs.tui.text.status_text import STATUS_COLOURS, UNKNOWN_COLOUR, status_word

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
    """Return time, job, old and new status, mode, cost and the error's first line. `width` is in cells; None never
    cuts.
    """
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
"""The same for each attempt, so that a receiver recognises repeated deliveries."""


def signature(secret: bytes, body: bytes, *, sent_at: int) -> str:
    """Return `t=TIME,v1=HEX`: HMAC-SHA256 of `TIME.BODY`, with the time in seconds since 1970."""
    signed = b"%d.%b" % (sent_at, body)
    return f"t={sent_at},v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"


SECRET_VARIABLE = "GJOBS_WEBHOOK_SECRET"  # noqa: S105
ANSWER_TIME = 10.0
"""Seconds that a web server has for one whole attempt."""
PROGRAM_GRACE = 2.0
"""When the watch ends, a running program has this many seconds before it is killed."""
FIRST_WAIT = 1.0
"""Seconds until the second attempt. Each further wait is twice as long."""


class ReaderGone(Exception):
    """Nobody reads stdout any more."""


class Receiver(Protocol):
    async def tell(self, transition: Transition) -> None:
        """Report the transition. Returns when the transition need not be reported again. Cancel the call to stop
        trying.
        """


class Printer:
    """Prints one line per transition. Raises ReaderGone."""

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
    """Runs a program for each transition, with the document on its standard input, and waits for it.

    The command is what the person typed; it contains nothing from the database. A failure is printed and ignored.
    """

    def __init__(self, command: str) -> None:
        """Raise UsageError if there is no such program."""
        try:
            self._words = shlex.split(command)
        except ValueError:
            raise UsageError("The command of --exec has an unclosed quote.") from None
        if not self._words or shutil.which(self._words[0]) is None:
            raise UsageError(
                f"There is no program {self._words[0] if self._words else ''!r}.",
                hint="--exec takes a program and its arguments. Put a pipeline into a script, or use sh -c '…'.",
            )

    async def tell(self, transition: Transition) -> None:
        """Raise UsageError if the program exists but does not start."""
        try:
            process = await asyncio.create_subprocess_exec(*self._words, stdin=PIPE)
        except OSError as error:
            raise UsageError(
                f"{self._words[0]} cannot be started: {error.strerror}.",
                hint="If it is a script, its first line must name its interpreter, such as #!/bin/sh.",
            ) from error
        try:
            # The program may end without reading.
            with suppress(BrokenPipeError, ConnectionResetError):
                await process.communicate(json.dumps(document(transition)).encode() + b"\n")
            code = await process.wait()
        except BaseException:
            await _end(process)
            raise
        if code != 0:
            print_message(f"{self._words[0]} exited with {code} for the job {transition.job_id}.")


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
    """Posts the document until it is accepted, with growing pauses. Each document is sent at least once, with an
    idempotency key that is the same for each attempt.

    A server that answers 410 Gone gets nothing more. Redirects are not followed. Answers are neither shown nor kept.
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
                print_message(f"{self._host} did not accept the webhook: {refusal}. Trying again until it does.")
            await asyncio.sleep(wait_after_failure(FIRST_WAIT, attempts))
        if attempts and not self._is_gone:
            print_message(f"{self._host} accepted the webhook after {attempts + 1} attempts.")

    async def _post(self, key: str, body: bytes) -> str | None:
        """Return why the server did not accept the document. Return None if nothing has to be sent again."""
        import httpx

        headers = {
            "Content-Type": "application/json",
            KEY_HEADER: key,
            SIGNATURE_HEADER: signature(self._secret, body, sent_at=int(self._clock())),
        }
        try:
            # httpx's own limits apply to a single read or write.
            async with (
                asyncio.timeout(ANSWER_TIME),
                self._client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                if response.status_code == httpx.codes.GONE:
                    self._is_gone = True
                    print_message(f"{self._host} answered 410 Gone. Nothing more is sent to it. The watch continues.")
                    return None
                return None if response.is_success else f"it answered {response.status_code}"
        except (TimeoutError, httpx.TimeoutException):
            return f"no answer within {ANSWER_TIME:g} s"
        except httpx.ConnectError:
            return "could not connect"
        except httpx.HTTPError as error:
            # The error's text may contain the address, which may contain a token.
            return type(error).__name__


def webhook_url(text: str) -> str:
    """Check the address. Raises UsageError if it is not an http(s) URL."""
    import httpx

    try:
        parts = urlsplit(text)
        # Reading the port raises ValueError if it is not a valid number. httpx must be able to read the address, too.
        is_whole = bool(parts.hostname) and parts.port != 0 and bool(httpx.URL(text).host)
    except (ValueError, httpx.InvalidURL):
        is_whole = False
    if not is_whole or parts.scheme not in ("http", "https"):
        raise UsageError("--webhook needs an http(s) URL.", hint="Begin it with https:// or http://.")
    return text


def webhook_secret() -> bytes:
    """Return the secret. Raises UsageError if there is none."""
    secret = os.fsencode(os.environ.get(SECRET_VARIABLE, ""))
    if not secret.strip():
        raise UsageError(
            "Webhooks are signed, but no secret is set.",
            hint=f"Set {SECRET_VARIABLE} to a long random text that the receiver also knows.",
        )
    return secret
