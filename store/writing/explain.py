"""Why a statement changed fewer rows than it should: they are gone, hidden, elsewhere by now, or not to be changed."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from store.actor import ActingUser
from store.errors import Conflict, InvalidValue, NoPrivilege, RowMissing, StoreError
from store.model import Deleted, DeletionOutcome, GenerationJob, JobStatus, Missing, Moved, User

U = TypeVar("U", User, ActingUser)


def the_one_user(wanted: str, found: Sequence[U]) -> U:
    """Raises RowMissing where none was found, InvalidValue where several were."""
    if len(found) > 1:
        ids = ", ".join(str(user.id) for user in found)
        raise InvalidValue("email", f"Several users have the e-mail {wanted!r}.", hint=f"Give an id: {ids}")
    if not found:
        raise RowMissing(f"No user has the e-mail or id {wanted!r}.", hint="'gjobs users' lists them.")
    return found[0]


def no_project(project_id: UUID) -> RowMissing:
    return RowMissing(
        f"There is no project {project_id}, or none that this user sees.",
        (project_id,),
        hint="'gjobs projects' lists them.",
    )


def no_jobs(ids: Sequence[UUID]) -> RowMissing:
    named = ", ".join(map(str, ids))
    noun = "job" if len(ids) == 1 else "jobs"
    return RowMissing(f"There is no {noun} {named}, or none that this user sees: nothing was changed.", tuple(ids))


def not_permitted(job_id: UUID) -> NoPrivilege:
    """Row level security refuses a change by changing nothing."""
    return NoPrivilege(f"The database shows the job {job_id}, but does not let it be changed: nothing was changed.")


def not_stored(what: str) -> Conflict:
    """Nothing came back of a row that was accepted: a trigger has dropped it, or a rule has put it elsewhere."""
    return Conflict(
        f"The database took the {what} and stored none: nothing was changed.",
        hint="A trigger or a rule of its own keeps it out: ask its owner.",
    )


def referred_to(sqlstate: str | None) -> Conflict:
    return Conflict(
        "Rows of another table refer to a job: nothing was deleted.",
        hint="Delete those first, or let their foreign key cascade.",
        sqlstate=sqlstate,
    )


def require_all_deleted(
    expected: Mapping[UUID, JobStatus | None], outcomes: Mapping[UUID, DeletionOutcome]
) -> tuple[GenerationJob, ...]:
    """The deleted jobs. Raises RowMissing naming all that are not there, or Conflict naming one that has moved."""
    missing = [job_id for job_id in expected if isinstance(outcomes[job_id], Missing)]
    if missing:
        raise no_jobs(missing)
    for job_id, outcome in outcomes.items():
        if isinstance(outcome, Moved):
            raise Conflict(
                f"The job {job_id} is {outcome.job.status} by now, not {expected[job_id]}: nothing was deleted.",
                hint="Look at it again, then decide.",
            )
    return tuple(outcome.job for outcome in outcomes.values() if isinstance(outcome, Deleted))


_OWNERS = {"user_id": "owner", "project_id": "project", "input_asset_id": "input asset"}


def not_restorable(error: InvalidValue) -> StoreError:
    """A foreign key refuses a job whose surroundings are gone; any other refusal stays as it is."""
    if error.field not in _OWNERS:
        return error
    return not_restored(_OWNERS[error.field])


def not_restored(gone: str) -> Conflict:
    return Conflict(
        f"The {gone} of a job is gone, or none that this user sees: nothing was restored.",
        hint="'gjobs journal --json' has the whole rows.",
    )


def id_taken(job_id: UUID) -> Conflict:
    return Conflict(
        f"There is a job {job_id} again, or one that this user does not see: nothing was restored.",
        hint="'gjobs journal --json' has the whole rows.",
    )


def not_archived(ids: Sequence[UUID]) -> RowMissing:
    named = ", ".join(map(str, ids))
    return RowMissing(
        f"Not in the archive, or not for this user to see: {named}. Nothing was restored.",
        tuple(ids),
        hint="'gjobs archive list' lists what is there.",
    )


def not_restored_from_archive(error: InvalidValue) -> StoreError:
    """A key that is taken, or a rule that has come since; any other refusal stays as it is."""
    if error.sqlstate == "23505":
        return Conflict(
            "There is a job of one of these ids again, or one that this user does not see: nothing was restored.",
            hint="Restore them one by one, or delete the job that is there.",
            sqlstate=error.sqlstate,
        )
    return error
