"""A password that a program prints: another program's store of secrets, or a host's short-lived token."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress

from store.errors import SignInRefused

TIME_LIMIT = 30.0
"""Seconds; somebody may have to put a finger on a sensor."""

_LONGEST = 65_536
"""Bytes of a password."""
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
            process, output = await asyncio.get_running_loop().subprocess_exec(
                _Output, *self._words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise self._refusal(f"cannot be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(self._limit):
                line = await output.first_line
                await output.exited.wait()
        except TimeoutError:
            raise self._refusal(f"did not answer within {self._limit:g} s") from None
        except ValueError:
            raise self._refusal("printed too long a line") from None
        finally:
            await _end(process, output)
        code = process.get_returncode() or 0
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


class _Output(asyncio.SubprocessProtocol):
    """Takes what follows the first line as well, so that the program does not wait for a reader.

    Its end is its own: what its children still print is not waited for.
    """

    def __init__(self) -> None:
        self.first_line: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        """Without its end; ValueError where it is too long."""
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self._begun = b""

    def pipe_data_received(self, _: int, data: bytes) -> None:
        if self.first_line.done():
            return
        self._begun += data
        line, newline, _rest = self._begun.partition(b"\n")
        if len(line) > _LONGEST:
            self.first_line.set_exception(ValueError("too long"))
        elif newline:
            self.first_line.set_result(line)

    def pipe_connection_lost(self, *_: object) -> None:
        if not self.first_line.done():
            self.first_line.set_result(self._begun)

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, _: Exception | None) -> None:
        self.closed.set()


async def _end(process: asyncio.SubprocessTransport, output: _Output) -> None:
    """With all that it has started, where it has not ended by itself."""
    try:
        if process.get_returncode() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.get_pid(), signal.SIGKILL)
            await output.exited.wait()
    finally:
        process.close()
    await output.closed.wait()
