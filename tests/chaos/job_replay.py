"""A replay of the events of one job: its holders, its attempts and its end."""

from dataclasses import dataclass

from tests.chaos.final_state import Event

ENDED = ("succeeded", "failed")


@dataclass(frozen=True, slots=True)
class Holder:
    """The owner of the lease, and the application name of the worker."""

    owner: str | None
    worker: str


@dataclass(frozen=True, slots=True)
class Claim:
    attempt: int
    worker: str


class JobReplay:
    def __init__(self) -> None:
        self.status: str | None = None
        self.holder: Holder | None = None
        """The holder of the current lease, or of the last one after the end."""
        self.claims: list[Claim] = []
        self.taken_over = 0
        """The number of times that a worker took over the lease of another."""
        self.retried = 0
        self.anomalies: list[str] = []
        """Sentences about impossible events."""

    @property
    def attempt(self) -> int:
        """The number of the last attempt; 0 before the first."""
        return self.claims[-1].attempt if self.claims else 0

    def apply(self, event: Event) -> None:
        if self.status in ENDED:
            self._report(f"{event.kind} came after the end of the job")
        match event.kind:
            case "created":
                self._create(event)
            case "status" if event.to_status in ENDED:
                self._move(event)
                self._check_holder(event, f"ended as {event.to_status}")
            case "status":
                self._move(event)
                self._claim(event, 1)
            case "owner" if event.note and event.note.startswith("attempt "):
                self._claim(event, int(event.note.removeprefix("attempt ")))
            case "retry":
                self._check_holder(event, "postponed")
                self.holder = None
                self.retried += 1
            case "progress":
                self._check_holder(event, "reported progress of")
            case "cost":
                self._check_holder(event, "reported the cost of")
            case _:
                self._report(f"{event.kind} is not an event of a worker ({event.note})")

    def _create(self, event: Event) -> None:
        if self.status is not None or event.to_status != "queued":
            self._report(f"it was created as {event.to_status} when it was {self.status or 'missing'}")
        self.status = event.to_status

    def _move(self, event: Event) -> None:
        expected = "running" if event.to_status in ENDED else "queued"
        if not event.from_status == self.status == expected:
            self._report(f"it changed from {event.from_status} to {event.to_status} when it was {self.status}")
        self.status = event.to_status

    def _claim(self, event: Event, attempt: int) -> None:
        if attempt != self.attempt + 1:
            self._report(f"attempt {attempt} came after attempt {self.attempt}")
        if event.lease_owner is None:
            self._report(f"attempt {attempt} has no owner")
        self.taken_over += self.holder is not None
        self.holder = Holder(event.lease_owner, event.application)
        self.claims.append(Claim(attempt, event.application))

    def _check_holder(self, event: Event, action: str) -> None:
        if (who := Holder(event.lease_owner, event.application)) != self.holder:
            self._report(f"{who} {action} a job held by {self.holder or 'nobody'}")

    def _report(self, words: str) -> None:
        self.anomalies.append(words)
