"""Handlers by mode, retry settings, and the Work object that a handler receives."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from random import Random
from types import NoneType
from typing import Any, Self, TypeVar

from gjobs.store import validation
from gjobs.store.errors import InvalidValue
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.leases.lease import ClaimedJob

MAX_NOTE = 200


class Work:
    """One attempt at a job. A blocking handler uses it in its own thread."""

    __slots__ = ("_cost_cents", "attempt", "job", "should_stop", "unsaved_note")

    def __init__(self, claimed: ClaimedJob) -> None:
        self.job: GenerationJob = claimed.job
        self.attempt = claimed.attempt
        """1 for the first attempt."""
        self.should_stop = False
        """Whether further work is useless, because the attempt timed out or the job was lost.

        A coroutine is also cancelled. A long-running blocking function should check this now and then, and return.
        """
        self._cost_cents: int | None = None
        self.unsaved_note: str | None = None
        """The last note, until it is saved."""

    @property
    def cost_cents(self) -> int | None:
        """Total cost of the job, including earlier attempts. `job.cost_cents` has the cost known before.

        None reports nothing, and the job keeps its cost. Setting an invalid cost raises InvalidValue.
        """
        return self._cost_cents

    @cost_cents.setter
    def cost_cents(self, cents: int) -> None:
        self._cost_cents = validation.check_cost_cents(cents)

    def note(self, text: str) -> None:
        """Report progress to be shown to users. Only the last note is saved, within about a second."""
        if not isinstance(text, str):
            raise TypeError(f"A note must be a string, not a value of type {type(text).__name__}.")
        self.unsaved_note = text.replace("\0", "").encode(errors="replace").decode()[:MAX_NOTE]

    def mark_saved(self, note: str) -> None:
        """Mark the note as saved, unless the handler has reported a newer one."""
        if self.unsaved_note is note:
            self.unsaved_note = None


class Retry(Exception):
    """Raised by a handler: this attempt failed, but another may succeed."""

    def __init__(self, message: str = "", *, after: float | None = None) -> None:
        """`after` is the wait in seconds, for example as a service requests. None applies the backoff."""
        super().__init__(message)
        if after is not None and (not isinstance(after, Real) or isinstance(after, bool)):
            raise TypeError(f"Retry(after=…) needs a number of seconds, not a value of type {type(after).__name__}.")
        if after is not None and not after >= 0:
            raise ValueError(f"Retry(after=…) needs 0 or more seconds, not {after}.")
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Doubles the wait after each attempt. Random, so that jobs that failed together don't retry together."""

    first: float = 2.0
    longest: float = 300.0
    """Both in seconds."""

    def wait(self, attempt: int, random: Random) -> float:
        """Return the wait in seconds after an attempt: half to all of the full wait."""
        due = min(self.first * 2.0 ** min(attempt - 1, 62), self.longest)
        return due * random.uniform(0.5, 1.0)


Handler = Callable[[Work], Any]
"""A coroutine function, or a blocking function, which runs in its own thread. The return value is ignored."""

H = TypeVar("H", bound=Handler)


def check_handler(handler: object) -> None:
    """Raise InvalidValue if the object can't be a handler."""
    if not callable(handler):
        raise InvalidValue("handler", f"A handler must be a function, not a value of type {type(handler).__name__}.")
    called = type(handler).__call__
    if any(is_generator(one) for is_generator in _GENERATOR_KINDS for one in (handler, called)):
        raise InvalidValue(
            "handler",
            f"The handler {getattr(handler, '__name__', type(handler).__name__)!r} is a generator, which never runs.",
            hint="Remove its 'yield'. To report progress, call 'work.note(…)'.",
        )


def _is_exception_class(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)


_GENERATOR_KINDS = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerSpec:
    """How to run the jobs of a mode."""

    handler: Handler
    time_out: float
    """Seconds for one attempt."""
    attempts: int
    """Maximum number of attempts. If the last one fails, the job fails."""
    retry_on: tuple[type[Exception], ...]
    """Exceptions that cause a retry, like Retry."""
    backoff: Backoff
    is_coroutine: bool
    """Whether the handler is a coroutine function, or an object whose `__call__` is one. Otherwise, it gets its own
    thread.
    """


class Registry:
    """Handlers of single modes, and an optional handler for all other modes. Its settings are the defaults of its
    handlers.
    """

    def __init__(self, *, time_out: float = 1800.0, attempts: int = 3, backoff: Backoff | None = None) -> None:
        self._time_out = time_out
        self._attempts = attempts
        self._backoff = backoff or Backoff()
        self._specs: dict[str | None, HandlerSpec] = {}
        """By mode. The handler of all other modes has the key None."""

    def handler(
        self,
        *modes: str,
        time_out: float | None = None,
        attempts: int | None = None,
        retry_on: Iterable[type[Exception]] = (),
        backoff: Backoff | None = None,
    ) -> Callable[[H], H]:
        """Decorate the handler of these modes or, without modes, of every mode that has no other handler.

        `time_out` is in seconds for each attempt. After an error in `retry_on`, the job is retried, as after Retry.
        Raises InvalidValue if a mode already has a handler, or for an invalid setting.
        """
        if not all(isinstance(mode, str) for mode in modes):
            hint = "Write '@registry.handler()', with parentheses, for all modes that have no other handler."
            raise InvalidValue("mode", "A mode must be a string.", hint=hint)
        seconds = self._time_out if time_out is None else time_out
        most = self._attempts if attempts is None else attempts
        for name, value in (("time_out", seconds), ("attempts", most)):
            if not value > 0:
                raise InvalidValue(name, f"A handler's {name} must be more than 0, not {value}.")

        errors = tuple(retry_on)
        if not all(map(_is_exception_class, errors)):
            raise InvalidValue("retry_on", "A handler's retry_on must contain exception classes.")
        if not isinstance(backoff, (Backoff, NoneType)):
            raise InvalidValue(
                "backoff", "A handler's backoff must be a Backoff.", hint="Use backoff=Backoff(first=2.0)."
            )

        def register(handler: H) -> H:
            check_handler(handler)
            spec = HandlerSpec(
                handler=handler,
                time_out=float(seconds),
                attempts=int(most),
                retry_on=errors,
                backoff=backoff or self._backoff,
                is_coroutine=any(map(inspect.iscoroutinefunction, (handler, type(handler).__call__))),
            )
            for mode in modes or (None,):
                if mode in self._specs:
                    why = "There is already a handler for all other modes."
                    if mode is not None:
                        why = f"The mode {mode!r} already has a handler."
                    raise InvalidValue("mode", why)
                self._specs[mode] = spec
            return handler

        return register

    @property
    def modes(self) -> tuple[str, ...] | None:
        """The modes that have a handler; None for all modes."""
        return None if None in self._specs else tuple(mode for mode in self._specs if mode is not None)

    @property
    def has_single_attempts(self) -> bool:
        """Whether some jobs must not be attempted twice."""
        return any(spec.attempts == 1 for spec in self._specs.values())

    def of(self, mode: str) -> HandlerSpec | None:
        return self._specs.get(mode, self._specs.get(None))

    def only(self, modes: Iterable[str]) -> Self:
        """Return a registry for these modes only. Raises InvalidValue for a mode without a handler."""
        narrowed = type(self)(time_out=self._time_out, attempts=self._attempts, backoff=self._backoff)
        for mode in dict.fromkeys(modes):
            spec = self.of(mode)
            if spec is None:
                known = ", ".join(sorted(self.modes or ())) or "none"
                raise InvalidValue("mode", f"There is no handler for the mode {mode!r}.", hint=f"Known modes: {known}.")
            narrowed._specs[mode] = spec  # noqa: SLF001
        return narrowed
