"""Handlers by mode, retries, and what a handler receives."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from random import Random
from types import NoneType
from typing import Any, Self, TypeVar

from store import validation
from store.errors import InvalidValue
from store.jobs.job import GenerationJob
from store.leases.lease import ClaimedJob

MAX_NOTE = 200


class Work:
    """One attempt at a job. A blocking handler uses it from its own thread."""

    __slots__ = ("_cost_cents", "_note", "attempt", "job", "should_stop")

    def __init__(self, claimed: ClaimedJob) -> None:
        self.job: GenerationJob = claimed.job
        self.attempt = claimed.attempt
        """1 for the first."""
        self.should_stop = False
        """Whether what the handler still does is for nothing: its time is over, or the job is another's by now.

        A coroutine is cancelled besides; a blocking function that takes long looks here now and then, and returns.
        """
        self._cost_cents: int | None = None
        self._note: str | None = None

    @property
    def cost_cents(self) -> int | None:
        """What the job has cost in all, its earlier attempts with it: `job.cost_cents` says what is known of those.

        None: nothing is reported, and the job keeps what it has. Setting it raises InvalidValue.
        """
        return self._cost_cents

    @cost_cents.setter
    def cost_cents(self, cents: int) -> None:
        self._cost_cents = validation.check_cost_cents(cents)

    def note(self, text: str) -> None:
        """How far it is, for people to see. Within about a second it is shown; of several the last."""
        self._note = text.replace("\0", "").encode(errors="replace").decode()[:MAX_NOTE]

    @property
    def unsaved_note(self) -> str | None:
        """The last note, until it has been passed on; None where there is no other since."""
        return self._note

    def mark_saved(self, note: str) -> None:
        """It has been. What the handler has said meanwhile is still to be."""
        if self._note is note:
            self._note = None


class Retry(Exception):
    """Raised by a handler: this attempt has failed, and another may succeed."""

    def __init__(self, message: str = "", *, after: float | None = None) -> None:
        """`after` so many seconds, as a service may ask for; None: by the backoff."""
        super().__init__(message)
        if after is not None and (not isinstance(after, Real) or isinstance(after, bool)):
            raise TypeError(f"Retry(after=…) needs a number of seconds, and got a value of type {type(after).__name__}")
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Twice as long after each attempt, and never the same for all who failed together."""

    first: float = 2.0
    longest: float = 300.0
    """Both in seconds."""

    def wait(self, attempt: int, random: Random) -> float:
        """After the attempt of this number: at least half of what is due, at most all of it."""
        due = min(self.first * 2.0 ** min(attempt - 1, 62), self.longest)
        return due * random.uniform(0.5, 1.0)


Handler = Callable[[Work], Any]
"""A coroutine function, or a function that blocks and gets a thread of its own. What it returns is not looked at."""

H = TypeVar("H", bound=Handler)


def is_coroutine_function(handler: Handler) -> bool:
    """An object that is called like one is one, too."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


def check_handler(handler: object) -> None:
    """Raises InvalidValue for what cannot be run as one."""
    if not callable(handler):
        raise InvalidValue("handler", f"A handler is a function; this is a value of type {type(handler).__name__}.")
    called = type(handler).__call__
    if any(is_generator(one) for is_generator in _GENERATOR_KINDS for one in (handler, called)):
        raise InvalidValue(
            "handler",
            f"The handler {getattr(handler, '__name__', type(handler).__name__)!r} is a generator, which nobody runs.",
            hint="Remove its 'yield'; to say how far a job is, call 'work.note(…)'.",
        )


def _is_exception_class(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)


_GENERATOR_KINDS = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerSpec:
    """How the jobs of a mode are done."""

    handler: Handler
    time_out: float
    """Seconds for one attempt."""
    attempts: int
    """The last of them fails the job."""
    retry_on: tuple[type[Exception], ...]
    """What a handler may raise in place of Retry."""
    backoff: Backoff


class Registry:
    """Handlers, each for some modes or for all that have none. What is not said of one holds from here."""

    def __init__(self, *, time_out: float = 1800.0, attempts: int = 3, backoff: Backoff | None = None) -> None:
        self._time_out = time_out
        self._attempts = attempts
        self._backoff = backoff or Backoff()
        self._specs_by_mode: dict[str, HandlerSpec] = {}
        self._default_spec: HandlerSpec | None = None

    def handler(
        self,
        *modes: str,
        time_out: float | None = None,
        attempts: int | None = None,
        retry_on: Iterable[type[Exception]] = (),
        backoff: Backoff | None = None,
    ) -> Callable[[H], H]:
        """Decorates the handler of these modes; without one, of every mode that has no other.

        `time_out`: seconds for an attempt. `retry_on`: errors after which another is made, as after Retry.
        Raises InvalidValue where a mode has a handler, or a number makes no sense.
        """
        if not all(isinstance(mode, str) for mode in modes):
            hint = "Write '@registry.handler()', with parentheses, for all modes that have no other."
            raise InvalidValue("mode", "A mode is a text.", hint=hint)
        settings = {
            "time_out": self._time_out if time_out is None else time_out,
            "attempts": self._attempts if attempts is None else attempts,
        }
        for name, value in settings.items():
            if not value > 0:
                raise InvalidValue(name, f"A handler's {name} must be more than 0; this is {value}.")

        errors = tuple(retry_on)
        if not all(map(_is_exception_class, errors)):
            raise InvalidValue("retry_on", "A handler's retry_on takes classes of exceptions.")
        if not isinstance(backoff, (Backoff, NoneType)):
            raise InvalidValue("backoff", "A handler's backoff is a Backoff.", hint="As in: backoff=Backoff(first=2.0)")

        def register(handler: H) -> H:
            check_handler(handler)
            spec = HandlerSpec(
                handler=handler,
                time_out=float(settings["time_out"]),
                attempts=int(settings["attempts"]),
                retry_on=errors,
                backoff=backoff or self._backoff,
            )
            self._add(modes, spec)
            return handler

        return register

    def _add(self, modes: Iterable[str], spec: HandlerSpec) -> None:
        modes = tuple(modes)
        if not modes:
            if self._default_spec is not None:
                raise InvalidValue("mode", "There is a handler for the rest of the modes already.")
            self._default_spec = spec
        for mode in modes:
            if mode in self._specs_by_mode:
                raise InvalidValue("mode", f"The mode {mode!r} has a handler already.")
            self._specs_by_mode[mode] = spec

    @property
    def modes(self) -> tuple[str, ...] | None:
        """What there is a handler for; None: for everything."""
        return None if self._default_spec else tuple(self._specs_by_mode)

    def of(self, mode: str) -> HandlerSpec | None:
        return self._specs_by_mode.get(mode, self._default_spec)

    def only(self, modes: Iterable[str]) -> Self:
        """The same for some modes alone. Raises InvalidValue for one that has no handler."""
        narrowed = type(self)(time_out=self._time_out, attempts=self._attempts, backoff=self._backoff)
        for mode in dict.fromkeys(modes):
            spec = self.of(mode)
            if spec is None:
                known = ", ".join(sorted(self._specs_by_mode)) or "none"
                raise InvalidValue("mode", f"There is no handler for the mode {mode!r}.", hint=f"There are: {known}.")
            narrowed._add([mode], spec)  # noqa: SLF001
        return narrowed
