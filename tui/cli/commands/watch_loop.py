"""Reports transitions to stdout, a program or a webhook, stops on conditions, keeps the resume file."""

import asyncio
import hashlib
import hmac
import json
import os
import re
import shlex
import shutil
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from operator import eq, ge, gt, le, lt
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gjobs.store.errors import InvalidValue, NoPrivilege, ServerFailure, StoreError, TimedOut, Unreachable
from gjobs.store.filters.filter_terms import NO_FILTER, JobFilter, Key, Term, named_statuses
from gjobs.store.jobs.job import LIVE_STATUSES, AnyStatus, JobStatus, UnknownStatus, parse_status
from gjobs.store.poller import Poller, PollFailure, PollResult, wait_after_failure
from gjobs.store.system.private_files import replace_private
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values.formats import money, nearest, not_known
from gjobs.store.watch.watch import Cursor, HeldBack, Transition, TransitionBatch
from gjobs.tui.cli.output import Output, UsageError, print_message, put
from gjobs.tui.export.export_files import Document
from gjobs.tui.text.clean_text import clean_cell, pad, shorten
from gjobs.tui.text.format import error_summary, local_time, short_id
from gjobs.tui.text.status_text import STATUS_COLORS, UNKNOWN_COLOR, status_word, unknown_statuses_words

if TYPE_CHECKING:
    import httpx

    from gjobs.store.store import Store


_GONE = "deleted"
_NEW = "new"
_STATE_CELLS = 9
_MODE_CELLS = 16
_MONEY_CELLS = 9
_RESET = "\x1b[0m"


document = Document(
    Transition,
    "key",
    ("cursor", lambda change: change.cursor and str(change.cursor)),
    ("observed", lambda change: change.cursor is None),
    "at job_id from=from_status",
    ("to", lambda change: change.to_status or _GONE),
    "mode cost_cents error user_id project_id",
)


def line(transition: Transition, *, width: int | None, color: bool) -> str:
    """Return time, job, old and new status, mode, cost and the error's first line. `width` is in cells; None never
    cuts.
    """
    to = _GONE if transition.to_status is None else status_word(transition.to_status)
    came_from = _NEW if transition.from_status is None else status_word(transition.from_status)
    begins = f"{local_time(transition.at)}  {short_id(transition.job_id)}  {pad(came_from, _STATE_CELLS)} → "
    ends = "  ".join(
        [
            pad(clean_cell(transition.mode, _MODE_CELLS), _MODE_CELLS),
            pad(money(transition.cost_cents), _MONEY_CELLS, right=True),
            clean_cell(error_summary(transition.error), width or _LONGEST_ERROR),
        ]
    ).rstrip()
    left = None if width is None else max(width - len(begins) - _STATE_CELLS - 2, 0)
    shown = pad(to, _STATE_CELLS)
    if color and transition.to_status is not None:
        start = STATUS_COLORS.get(to, UNKNOWN_COLOR)
        shown = f"{start}{shown}{_RESET}"
    return f"{begins}{shown}  {ends if left is None else shorten(ends, left)}".rstrip()


_LONGEST_ERROR = 1_000

PROGRAM_GRACE = 2.0
"""When the watch ends, a running program has this many seconds before it is killed."""


class ReaderGone(Exception):
    """Nobody reads stdout any more."""


Receiver = Callable[[Transition], Awaitable[None]]
"""Reports a transition. Returns when the transition need not be reported again. Cancel the call to stop trying."""


def printer(output: Output) -> Receiver:
    """Return a receiver that prints one line per transition. It raises ReaderGone."""

    async def report(transition: Transition) -> None:
        if output.json:
            text = json.dumps(document(transition))
        else:
            width = shutil.get_terminal_size().columns if output.is_terminal else None
            text = line(transition, width=width, color=output.has_color)
        if not put(f"{text}\n"):
            raise ReaderGone

    return report


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

    async def report(self, transition: Transition) -> None:
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


SIGNATURE_HEADER = "Gjobs-Signature"
KEY_HEADER = "Idempotency-Key"
"""The same for each attempt, so that a receiver recognizes repeated deliveries."""
SECRET_VARIABLE = "GJOBS_WEBHOOK_SECRET"  # noqa: S105
ANSWER_TIME = 10.0
"""Seconds that a web server has for one whole attempt."""
FIRST_WAIT = 1.0
"""Seconds until the second attempt. Each further wait is twice as long."""


def signature(secret: bytes, body: bytes, *, sent_at: int) -> str:
    """Return `t=TIME,v1=HEX`: HMAC-SHA256 of `TIME.BODY`, with the time in seconds since 1970."""
    signed = b"%d.%b" % (sent_at, body)
    return f"t={sent_at},v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"


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

    async def report(self, transition: Transition) -> None:
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


@asynccontextmanager
async def open_receivers(output: Output, program: str | None, webhook: str | None) -> AsyncIterator[Sequence[Receiver]]:
    receivers: list[Receiver] = [printer(output)]
    async with AsyncExitStack() as stack:
        if program is not None:
            receivers.append(Program(program).report)
        if webhook is not None:
            import httpx

            url, secret = webhook_url(webhook), webhook_secret()
            client = await stack.enter_async_context(httpx.AsyncClient(timeout=ANSWER_TIME))
            receivers.append(Webhook(client, url, secret).report)
        yield receivers


class CountedEvent(StrEnum):
    """What a condition can count besides statuses. LEFT counts jobs; the others count reported changes."""

    FINISHED = "finished"
    """Jobs that reached a final status."""
    DELETED = "deleted"
    LEFT = "left"
    """Jobs in the database that are not final now."""


COUNTED: Mapping[str, JobStatus | CountedEvent] = {str(one): one for one in (*JobStatus, *CountedEvent)}
"""What a condition can count, by its word in the condition. A condition can also count a status of the app."""


_OPERATORS: Mapping[str, Any] = {">": gt, ">=": ge, "=": eq, "==": eq, "<": lt, "<=": le}
_GROWING = (">", ">=", "=", "==")
"""The operators for a count that starts at 0 and only grows."""
_CONDITION = re.compile(
    r"\s*(?P<counted>\"[^\"]+\"|[a-z][\w-]*)\s*(?P<operator>>=|<=|==|>|<|=)\s*(?P<number>[0-9]{1,9})\s*", re.IGNORECASE
)
_POLLS = "A condition looks like failed>5, finished>=100 or left=0."


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    counted: AnyStatus | CountedEvent
    operator: str
    number: int

    def __str__(self) -> str:
        return f"{self.counted}{self.operator}{self.number}"

    def holds(self, number: int) -> bool:
        return bool(_OPERATORS[self.operator](number, self.number))


def parse(text: str) -> Condition:
    """Parse a condition. Raises InvalidValue that shows the syntax."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise InvalidValue("until", f"{text!r} is not a condition.", hint=_POLLS)
    word, operator, number = match["counted"], match["operator"], int(match["number"])
    unquoted = word.strip('"')
    if unquoted == word and word.lower() not in COUNTED and nearest(word, COUNTED):
        raise InvalidValue("until", not_known(word, COUNTED), hint=_POLLS)
    counted = COUNTED.get(word.lower()) or parse_status(unquoted)
    if counted is not CountedEvent.LEFT and (
        operator not in _GROWING or (operator, number) in {(">=", 0), ("=", 0), ("==", 0)}
    ):
        raise InvalidValue(
            "until",
            f"{text.strip()} is true at once. The watch counts changes to {counted}, and starts at 0.",
            hint=f"To wait until no job is {' or '.join(LIVE_STATUSES)}, use left=0.",
        )
    return Condition(counted=counted, operator=operator, number=number)


def _counted_as(status: AnyStatus | None) -> tuple[AnyStatus | CountedEvent, ...]:
    if status is None:
        return (CountedEvent.DELETED,)
    if status not in set(JobStatus) and status.value in COUNTED:
        return ()  # A condition with this word counts the event of that name, not this status of the app.
    return (status, CountedEvent.FINISHED) if status.is_final else (status,)


LIVE = Term(key=Key.STATUS, values=tuple(status.value for status in LIVE_STATUSES))
"""Matches jobs that may still change status."""


class StopCondition:
    def __init__(self, store: "Store", job_filter: JobFilter, conditions: Sequence[Condition]) -> None:
        self._store = store
        self._filter = job_filter
        self._conditions = conditions
        self._reported = Counter[AnyStatus | CountedEvent]()

    async def check(self) -> str:
        """Return a sentence about statuses that no job has.

        Raises NoPrivilege if a condition counts `left`, but the login sees no job.
        """
        hidden = (await self._store.capability_cache.get()).restricted_view if self._store.actor == OPERATOR else None
        counts_left = any(one.counted is CountedEvent.LEFT for one in self._conditions)
        if hidden and counts_left and not await self._store.count_jobs(NO_FILTER, most=1):
            raise NoPrivilege(f"left counts only jobs that the login sees. {hidden.reason}", hint=hidden.hint)
        named = (*named_statuses(self._filter.terms), *(one.counted for one in self._conditions))
        unknown = {status for status in named if isinstance(status, UnknownStatus)}
        terms = {status: Term(key=Key.STATUS, values=(status.value,)) for status in sorted(unknown)}
        return unknown_statuses_words(
            [one for one in terms if not await self._store.count_jobs(JobFilter(terms=(terms[one],)), most=1)]
        )

    def reported(self, transition: Transition) -> Condition | None:
        """Count a reported change. Return a condition that now holds."""
        self._reported.update(_counted_as(transition.to_status))
        asked = (one for one in self._conditions if one.counted is not CountedEvent.LEFT)
        return next((one for one in asked if one.holds(self._reported[one.counted])), None)

    async def now(self) -> Condition | None:
        """Return a condition on the remaining jobs that holds now."""
        asked = [one for one in self._conditions if one.counted is CountedEvent.LEFT]
        if not asked:
            return None
        most = max(one.number for one in asked) + 1
        number = await self._store.count_jobs(JobFilter(terms=(*self._filter.terms, LIVE)), most=most)
        return next((one for one in asked if one.holds(number)), None)


class Watcher:
    """Reports changes until a condition holds, and returns that condition."""

    def __init__(
        self,
        read: Callable[[], Awaitable[TransitionBatch]],
        receivers: Sequence[Receiver],
        until: StopCondition,
        *,
        interval: float,
        keep: Callable[[Cursor], None] | None = None,
        restart_if_dead: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """`keep` saves the position up to which all changes were reported. It blocks, and may raise a UsageError."""
        self._receivers = receivers
        self._until = until
        self._keep = keep
        self._restart_if_dead = restart_if_dead
        self._held_back: HeldBack | None = None
        self._is_broken = False
        self.poller: Poller[None, TransitionBatch] = Poller(lambda _: read(), None, interval=interval)

    async def run(self) -> Condition:
        """Raises a StoreError that a retry would not fix, and ReaderGone."""
        async with aclosing(self.poller.results()) as pages:
            async for page in pages:
                match page:
                    case PollResult(value=batch):
                        if met := await self._take(batch):
                            return met
                    case PollFailure(error=error):
                        self._fail(error)
                        restart = self._restart_if_dead
                        if isinstance(error, Unreachable) and restart is not None and await restart():
                            self.poller.refresh()
        raise AssertionError("a feed never ends")

    async def _take(self, batch: TransitionBatch) -> Condition | None:
        if self._is_broken:
            self._is_broken = False
            print_message("The database answers again.")
        for transition in batch.transitions:
            for receiver in self._receivers:
                await receiver(transition)
            if met := self._until.reported(transition):
                await self._save(transition.cursor)
                return met
        await self._save(batch.cursor)
        self._warn_held_back(batch.held_back)
        if batch.has_more:
            self.poller.refresh()
            return None
        # A watch gets no key presses, so each poll counts as activity. Polling then stays as frequent even after an
        # hour without changes.
        self.poller.note_activity()
        try:
            return await self._until.now()
        except StoreError as error:
            self._fail(error)
            return None

    async def _save(self, cursor: Cursor | None) -> None:
        if self._keep and cursor:
            await asyncio.to_thread(self._keep, cursor)

    def _fail(self, error: StoreError) -> None:
        if not isinstance(error, (Unreachable, TimedOut, ServerFailure)):
            raise error
        if not self._is_broken:
            self._is_broken = True
            print_message(f"{error} Trying again. No change is reported twice.")

    def _warn_held_back(self, held_back: HeldBack | None) -> None:
        if held_back == self._held_back:
            return
        self._held_back = held_back
        if held_back is None:
            print_message("All delayed changes have been reported.")
            return
        who = f"process {held_back.process_id}" if held_back.process_id else "a hidden process"
        application = f" of {held_back.application}" if held_back.application else ""
        since = f" and has been open since {local_time(held_back.since)}" if held_back.since else ""
        print_message(
            "The watch is waiting for another transaction to end. Otherwise it could miss changes."
            f" The transaction belongs to {who}{application}{since}."
        )


class ResumeFile:
    """Keeps the position of a watch. Changes after the last saved position are reported again in the next run."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: Cursor | None = None

    def read(self) -> Cursor | None:
        """Return the position, or None if the file does not exist. Raises UsageError if it has other contents."""
        try:
            self._kept = Cursor.parse(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, InvalidValue) as error:
            raise UsageError(
                f"{self._file} is not a resume file of 'gjobs watch'.",
                hint="Use another file, or one that does not exist yet.",
            ) from error
        return self._kept

    def keep(self, cursor: Cursor) -> None:
        """Save the position completely or not at all. Raises UsageError if the file can't be written."""
        if cursor == self._kept:
            return
        try:
            replace_private(self._file, f"{cursor}\n")
        except OSError as error:
            raise UsageError(
                f"{self._file} cannot be written: {error.strerror}.", hint="Use a file in a directory of your own."
            ) from error
        self._kept = cursor
