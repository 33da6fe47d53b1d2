"""Probes, verdicts, participants: values and their wording."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from store.database.write_access import WriteAccess


class ProbeTarget(StrEnum):
    """What is the owner's, in the order in which it is tried."""

    JOB = "job"
    PROJECT = "project"
    ASSET = "asset"
    COUNTS = "counts"
    """Statistics counted from the table of jobs itself."""
    STATISTICS = "statistics"
    """What the app's function `get_job_statistics` answers."""
    SUMMARY = "summary"
    """The app's view `generation_job_summary`."""


class Verb(StrEnum):
    """What the other user tries."""

    READ = "read"
    INSERT_INTO = "insert_into"
    """A row of the other user's own, in the owner's project."""
    INSERT_AS = "insert_as"
    """A row that says it is the owner's."""
    UPDATE = "update"
    DELETE = "delete"

    @property
    def writes(self) -> bool:
        return self is not Verb.READ

    @property
    def inserts(self) -> bool:
        return self in (Verb.INSERT_INTO, Verb.INSERT_AS)


class ProbeMethod(StrEnum):
    TRIED = "tried"
    JUDGED = "judged"
    """From the policies, not tried."""
    NOT_TRIED = "not_tried"


class ProbeVerdict(StrEnum):
    KEPT = "kept"
    LEAK = "leak"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    id: UUID
    email: str | None = None
    exists: bool = True
    """False for an id made up for the check: claims need no row in auth.users."""


class TargetKind(StrEnum):
    """What of the owner's something is tried on."""

    JOB = "job"
    FINISHED_JOB = "finished job"
    """No worker waits for it, so that a write for an instant disturbs nobody."""
    PROJECT = "project"
    EMPTY_PROJECT = "empty project"
    """Without jobs and assets: to delete a project deletes what is in it."""
    ASSET = "asset"
    UNUSED_ASSET = "unused asset"
    """From which nothing was made: to delete one changes the jobs and assets that were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    owner: Participant | None
    """None where nobody owns anything that the operator sees."""
    other: Participant
    targets: Mapping[TargetKind, UUID]
    """Of the owner's, one of each kind that there is."""
    no_assets: str | None = None
    """Why assets could not be looked for."""
    no_unused: str | None = None
    """Why nothing counts as empty or unused, whatever the operator sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """`answer` is what the database said, or what its policies say, or why neither is known. Untrusted text."""

    target: ProbeTarget
    verb: Verb
    how: ProbeMethod
    answer: str
    verdict: ProbeVerdict


PROBED: tuple[tuple[ProbeTarget, Verb], ...] = (
    *((ProbeTarget.JOB, verb) for verb in Verb),
    *((ProbeTarget.PROJECT, verb) for verb in Verb if verb is not Verb.INSERT_INTO),
    *((ProbeTarget.ASSET, verb) for verb in Verb),
    (ProbeTarget.COUNTS, Verb.READ),
    (ProbeTarget.STATISTICS, Verb.READ),
    (ProbeTarget.SUMMARY, Verb.READ),
)
"""Everything that the check answers, in this order."""


def person_name(person: Participant | None) -> str:
    if person is None:
        return "nobody"
    if not person.exists:
        return "a made-up user"
    return person.email or f"user {str(person.id)[:8]}"


def attempt_words(target: ProbeTarget, verb: Verb) -> str:
    """What the other user does, or would do, to what is the owner's; without a full stop."""
    an = "an" if target is ProbeTarget.ASSET else "a"
    match target, verb:
        case ProbeTarget.COUNTS, _:
            return "Counts their jobs in the table"
        case ProbeTarget.STATISTICS, _:
            return "Calls get_job_statistics with their id"
        case ProbeTarget.SUMMARY, _:
            return "Reads their rows in the view generation_job_summary"
        case _, Verb.INSERT_INTO:
            return f"Puts {an} {target} of one's own into a project of theirs"
        case _, Verb.INSERT_AS:
            return f"Makes {an} {target} in their name"
        case _:
            does = {Verb.READ: "Reads", Verb.UPDATE: "Changes", Verb.DELETE: "Deletes"}[verb]
            return f"{does} {an} {target} of theirs"


def why_no_writes(access: WriteAccess) -> str | None:
    """None where the session may write, so that writes can be tried."""
    if access.may_write:
        return None
    refusal = access.refusal()
    return f"The writes are judged from the policies, not tried. {refusal.hint or refusal.message}"
