"""Probes, verdicts and participants: values and their wording."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from gjobs.store.configuration.settings import WriteAccess


class ProbeTarget(StrEnum):
    """What belongs to the owner, in the order of the probes."""

    JOB = "job"
    PROJECT = "project"
    ASSET = "asset"
    COUNTS = "counts"
    """Statistics counted from the jobs table itself."""
    STATISTICS = "statistics"
    """The result of the app's function `get_job_statistics`."""
    SUMMARY = "summary"
    """The app's view `generation_job_summary`."""


class Verb(StrEnum):
    """What the other user tries."""

    READ = "read"
    INSERT_INTO = "insert_into"
    """Insert the other user's own row into the owner's project."""
    INSERT_AS = "insert_as"
    """Insert a row that claims to belong to the owner."""
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
    """Derived from the policies, not tried."""
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
    """False for an id that the check made up. Claims need no row in auth.users, and an owner's row is created."""


class TargetKind(StrEnum):
    """The kind of the owner's row that a probe targets."""

    JOB = "job"
    FINISHED_JOB = "finished job"
    """No worker waits for it, so a short write disturbs nobody."""
    PROJECT = "project"
    EMPTY_PROJECT = "empty project"
    """Without jobs and assets: deleting a project also deletes its contents."""
    ASSET = "asset"
    UNUSED_ASSET = "unused asset"
    """No job or asset was made from it: deleting a used asset would change them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    owner: Participant
    other: Participant
    targets: Mapping[TargetKind, UUID]
    """The owner's rows: one of each kind that exists. A check that tries writes creates the missing ones."""
    no_assets: str | None = None
    """Why assets could not be read."""
    no_unused: str | None = None
    """Why gjobs can't determine whether an existing project is empty or an asset is unused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The result of one probe.

    `answer` is what the database returned, what its policies say, or why neither is known. It is untrusted text.
    """

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
"""All probes, in order."""


def person_name(person: Participant) -> str:
    if not person.exists:
        return "a made-up user"
    return person.email or f"user {str(person.id)[:8]}"


def attempt_words(target: ProbeTarget, verb: Verb) -> str:
    """Return what the other user does to the owner's rows, without a full stop."""
    an = "an" if target is ProbeTarget.ASSET else "a"
    match target, verb:
        case ProbeTarget.COUNTS, _:
            return "Counts the owner's jobs in the table"
        case ProbeTarget.STATISTICS, _:
            return "Calls get_job_statistics with the owner's id"
        case ProbeTarget.SUMMARY, _:
            return "Reads the owner's rows in the view generation_job_summary"
        case _, Verb.INSERT_INTO:
            return f"Inserts their own {target} into the owner's project"
        case _, Verb.INSERT_AS:
            return f"Inserts {an} {target} in the owner's name"
        case _:
            does = {Verb.READ: "Reads", Verb.UPDATE: "Changes", Verb.DELETE: "Deletes"}[verb]
            return f"{does} {an} {target} of the owner"


def why_no_writes(access: WriteAccess) -> str | None:
    """Return why writes can't be tried, or None if the session may write."""
    if access.may_write:
        return None
    refusal = access.refusal()
    return f"Writes are judged from the policies, not tried. {refusal.hint or refusal.message}"
