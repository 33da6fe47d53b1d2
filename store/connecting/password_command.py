"""A password that a program prints: another program's store of secrets, or a host's short-lived token."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from store.errors import SignInRefused

TIME_LIMIT = 30.0
"""Seconds; somebody may have to put a finger on a sensor."""

_CHUNK = 65_536
_HINT = "Run it in a shell to see why: what it prints is not shown here. It must not ask anything on the terminal."


class PasswordCommand:
    """Runs the program when a password is needed, and keeps the password until it is told to forget it.

    Never by a shell, and apart from the terminal, which may belong to the dashboard. Nothing of what it prints is in
    any message.
    """

    def __init__(self, words: Sequence[str], *, limit: float = TIME_LIMIT) -> None:
        self._words = tuple(words)
        self._limit = limit
        self._password: str | None = None
        self._asking = asyncio.Lock()

    @property
    def is_known(self) -> bool:
        """Whether `get` answers without running the program."""
        return self._password is not None

    def forget(self) -> None:
        self._password = None

    async def get(self) -> str:
        """The first line of its output. Raises SignInRefused, for trying again by itself would change nothing."""
        async with self._asking:
            if self._password is None:
                self._password = await self._run()
            return self._password

    async def _run(self) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise self._refusal(f"cannot be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(self._limit):
                line, code = await _first_line_and_end(process)
        except TimeoutError:
            raise self._refusal(f"did not answer within {self._limit:g} s") from None
        except ValueError:
            raise self._refusal("printed too long a line") from None
        finally:
            await _end(process)
        if code != 0:
            raise self._refusal(f"failed: it ended with {code}" if code > 0 else f"was ended by the signal {-code}")
        return self._checked(line)

    def _checked(self, line: bytes) -> str:
        try:
            password = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise self._refusal("printed what is not UTF-8") from None
        if not password or "\0" in password:
            raise self._refusal("printed no password on its first line")
        return password

    def _refusal(self, clause: str) -> SignInRefused:
        """Names the program alone: its arguments may be secrets."""
        return SignInRefused(f"The password command {self._words[0]!r} {clause}.", hint=_HINT)


async def _first_line_and_end(process: Process) -> tuple[bytes, int]:
    """Takes what follows as well, so that the program does not wait for a reader; not what its children still print."""
    output = process.stdout or asyncio.StreamReader()
    line = await output.readline()
    rest = asyncio.ensure_future(_take(output))
    try:
        return line, await process.wait()
    finally:
        rest.cancel()
        await asyncio.gather(rest, return_exceptions=True)


async def _take(output: asyncio.StreamReader) -> None:
    while await output.read(_CHUNK):
        pass


async def _end(process: Process) -> None:
    """With all that it has started, where it has not ended by itself."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
