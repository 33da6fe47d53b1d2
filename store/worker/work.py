"""What a handler gets: a job, and the ways to tell how it goes."""

from store.model import GenerationJob
from store.worker.model import Claimed
from store.writing import validation

MAX_NOTE = 200


class Work:
    """One attempt at a job. A blocking handler uses it from its own thread."""

    __slots__ = ("_cost_cents", "_note", "attempt", "job", "should_stop")

    def __init__(self, claimed: Claimed) -> None:
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
        self._cost_cents = validation.cost_cents(cents)

    def note(self, text: str) -> None:
        """How far it is, for people to see. Within about a second it is shown; of several the last."""
        self._note = text.replace("\0", "").encode(errors="replace").decode()[:MAX_NOTE]

    @property
    def untold(self) -> str | None:
        """The last note, until it has been passed on; None where there is no other since."""
        return self._note

    def is_told(self, note: str) -> None:
        """It has been. What the handler has said meanwhile is still to be."""
        if self._note is note:
            self._note = None
