"""Who is told of a transition: a reader of stdout, a program, a web server."""

import asyncio
import json
import os
import shlex
import shutil
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from store.pacing import wait_after_failure
from store.watching.model import Transition
from tui.cli.errors import UsageError
from tui.cli.output import Output, put, say
from tui.cli.watching.documents import document, line
from tui.cli.watching.signature import KEY_HEADER, SIGNATURE_HEADER, signature

if TYPE_CHECKING:
    import httpx

SECRET_VARIABLE = "GJOBS_WEBHOOK_SECRET"  # noqa: S105
ANSWER_TIME = 10.0
"""Seconds that a web server has for its answer."""
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
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        if code != 0:
            say(f"{self._words[0]} ended with {code} for the job {transition.job_id}.")


class Webhook:
    """Posts the document until it is accepted, later each time: at least once, with a key to tell it by.

    What the server answers is not followed anywhere, and neither shown nor kept.
    """

    def __init__(
        self, client: "httpx.AsyncClient", url: str, secret: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._url = url
        self._secret = secret
        self._clock = clock
        self._host = urlsplit(url).hostname or ""

    async def tell(self, transition: Transition) -> None:
        body = json.dumps(document(transition)).encode()
        attempts = 0
        while (refusal := await self._post(transition.key, body)) is not None:
            attempts += 1
            if attempts == 1:
                say(f"{self._host} does not take the webhook: {refusal}. It is tried again until it does.")
            await asyncio.sleep(wait_after_failure(FIRST_WAIT, attempts))
        if attempts:
            say(f"{self._host} has taken the webhook after {attempts + 1} attempts.")

    async def _post(self, key: str, body: bytes) -> str | None:
        """Why it was not accepted; None where it was."""
        import httpx

        headers = {
            "Content-Type": "application/json",
            KEY_HEADER: key,
            SIGNATURE_HEADER: signature(self._secret, body, sent_at=int(self._clock())),
        }
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                return None if response.is_success else f"it answers {response.status_code}"
        except httpx.TimeoutException:
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


def webhook_secret() -> str:
    """Raises UsageError where there is none."""
    secret = os.environ.get(SECRET_VARIABLE, "")
    if not secret.strip():
        raise UsageError(
            "A webhook is signed, and there is no secret to sign it with.",
            hint=f"Set {SECRET_VARIABLE} to a long random text that the receiver knows, too.",
        )
    return secret
