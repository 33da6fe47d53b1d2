"""The events of one job, played again: who held it when, and how it ended. Pure."""

from dataclasses import dataclass

from tests.chaos.final_state import Event

ENDED = ("succeeded", "failed")


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose lease it is, and the name of the worker's sessions."""

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
        """Of the last lease, where the job has ended."""
        self.claims: list[Claim] = []
        self.taken_over = 0
        """So many times it was somebody's while another took it."""
        self.retried = 0
        self.anomalies: list[str] = []
        """What cannot have happened so, a sentence each."""

    @property
    def attempt(self) -> int:
        """The number of the last one; 0 before the first."""
        return self.claims[-1].attempt if self.claims else 0

    def take(self, event: Event) -> None:
        if self.status in ENDED:
            self._wrong(f"{event.kind} came after it had ended")
        match event.kind:
            case "created":
                self._create(event)
            case "status" if event.to_status in ENDED:
                self._move(event)
                self._held_by(event, f"ended as {event.to_status}")
            case "status":
                self._move(event)
                self._claim(event, 1)
            case "owner" if event.note and event.note.startswith("attempt "):
                self._claim(event, int(event.note.removeprefix("attempt ")))
            case "retry":
                self._held_by(event, "put off")
                self.holder = None
                self.retried += 1
            case "progress":
                self._held_by(event, "told of")
            case "cost":
                self._held_by(event, "told the cost of")
            case _:
                self._wrong(f"{event.kind} is nothing that a worker does here ({event.note})")

    def _create(self, event: Event) -> None:
        if self.status is not None or event.to_status != "queued":
            self._wrong(f"it was created as {event.to_status}, {self.status or 'not there'} before")
        self.status = event.to_status

    def _move(self, event: Event) -> None:
        expected = "running" if event.to_status in ENDED else "queued"
        if not event.from_status == self.status == expected:
            self._wrong(f"it went from {event.from_status} to {event.to_status}, being {self.status}")
        self.status = event.to_status

    def _claim(self, event: Event, attempt: int) -> None:
        if attempt != self.attempt + 1:
            self._wrong(f"attempt {attempt} came after attempt {self.attempt}")
        if event.lease_owner is None:
            self._wrong(f"attempt {attempt} is nobody's")
        self.taken_over += self.holder is not None
        self.holder = Holder(event.lease_owner, event.application)
        self.claims.append(Claim(attempt, event.application))

    def _held_by(self, event: Event, what: str) -> None:
        if (who := Holder(event.lease_owner, event.application)) != self.holder:
            self._wrong(f"{who} {what} what {self.holder or 'nobody'} held")

    def _wrong(self, words: str) -> None:
        self.anomalies.append(words)
