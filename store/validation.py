"""Checks values before writing; errors of writes that changed nothing."""

from collections.abc import Mapping, Sequence
from enum import Enum
from operator import index
from typing import Final, Literal, SupportsIndex, TypeVar
from uuid import UUID

from store.budgets.budget import Period
from store.errors import Conflict, InvalidValue, NoPrivilege, RowMissing, StoreError
from store.jobs.job import AnyStatus, GenerationJob, JobStatus
from store.jobs.job_results import Deleted, DeletionOutcome, Missing, Moved
from store.page_limits import MAX_LIMIT
from store.projects.project import User
from store.users.actor import ActingUser

MAX_COST_CENTS = 2_147_483_647
MAX_LIMIT_CENTS = 10**15
MAX_NAME = 200
MAX_DAYS = 3_660


def check_status(value: str) -> JobStatus:
    try:
        return JobStatus(value)
    except ValueError:
        known = ", ".join(JobStatus)
        raise InvalidValue("status", f"No such status: {value!r}.", hint=f"Use one of {known}.") from None


def check_workflow_status(value: AnyStatus) -> JobStatus:
    if isinstance(value, JobStatus):
        return value
    sentence = f"A policy takes statuses of the workflow, and {value.value!r} is none."
    raise InvalidValue("statuses", sentence, hint=f"Use {', '.join(JobStatus)}.")


def check_mode(value: str) -> str:
    return _short_text("mode", value)


def check_project_name(value: str) -> str:
    return _short_text("name", value)


def check_cost_cents(value: int) -> int:
    value = _as_whole("cost_cents", "The cost", value)
    if not 0 <= value <= MAX_COST_CENTS:
        raise InvalidValue(
            "cost_cents", f"The cost must be whole cents from 0 to {MAX_COST_CENTS:,}; this is {value:,}."
        )
    return value


def check_limit_cents(value: int) -> int:
    value = _as_whole("limit_cents", "The limit", value)
    if not 0 <= value <= MAX_LIMIT_CENTS:
        raise InvalidValue(
            "limit_cents", f"The limit must be whole cents from 0 to {MAX_LIMIT_CENTS:,}; this is {value:,}."
        )
    return value


def _as_whole(field: str, what: str, value: SupportsIndex) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidValue(field, f"{what} must be whole cents, as an integer; this is {value!r}.")
    return index(value)


def check_one_subject(user_id: UUID | None, project_id: UUID | None) -> None:
    if (user_id is None) == (project_id is None):
        raise InvalidValue("user_id", "A budget is of a user or of a project: give one of them.")


def check_warn_share(value: float) -> float:
    if not 0 < value <= 1:
        raise InvalidValue("warn_share", f"The share must be above 0 and at most 1; this is {value:g}.")
    return value


def check_period(value: str) -> Period:
    try:
        return Period(value)
    except ValueError:
        known = ", ".join(Period)
        raise InvalidValue("period", f"No such period: {value!r}.", hint=f"Use one of {known}.") from None


def check_error_text(value: str) -> str:
    return check_storable("error", value)


def check_limit(value: int) -> int:
    if not 1 <= value <= MAX_LIMIT:
        raise InvalidValue("limit", f"The limit must be from 1 to {MAX_LIMIT:,}; this is {value:,}.")
    return value


def check_days(value: int) -> int:
    if not 1 <= value <= MAX_DAYS:
        raise InvalidValue("days", f"The days must be from 1 to {MAX_DAYS:,}; these are {value:,}.")
    return value


def _short_text(field: str, value: str) -> str:
    text = check_storable(field, value).strip()
    if not text:
        raise InvalidValue(field, f"The {field} is empty.")
    if len(text) > MAX_NAME:
        raise InvalidValue(field, f"The {field} has {len(text)} characters; at most {MAX_NAME} are kept.")
    return text


def check_storable(field: str, value: str) -> str:
    """Postgres stores neither NUL nor half of a surrogate pair."""
    if "\0" in value:
        raise InvalidValue(field, f"The {field} holds a NUL character, which the database cannot store.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidValue(field, f"The {field} holds half a character, which the database cannot store.") from None
    return value


U = TypeVar("U", User, ActingUser)


def require_one_user(wanted: str, found: Sequence[U]) -> U:
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
    expected: Mapping[UUID, AnyStatus | None], outcomes: Mapping[UUID, DeletionOutcome]
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


class _Unset(Enum):
    UNSET = "unset"


UNSET: Final = _Unset.UNSET
"""Stands for "leave it as it is", where None is a value."""

Unset = Literal[_Unset.UNSET]


def changed_columns(
    *,
    mode: str | Unset,
    cost_cents: int | Unset,
    error: str | Unset | None,
    input_asset_id: UUID | Unset | None,
) -> dict[str, object]:
    """The columns to change, by name. Raises InvalidValue where a value is not accepted or none is given."""
    changes: dict[str, object] = {}
    if mode is not UNSET:
        changes["mode"] = check_mode(mode)
    if cost_cents is not UNSET:
        changes["cost_cents"] = check_cost_cents(cost_cents)
    if error is not UNSET:
        changes["error"] = None if error is None else check_error_text(error)
    if input_asset_id is not UNSET:
        changes["input_asset_id"] = input_asset_id
    if not changes:
        raise InvalidValue("changes", "Nothing to change was given.", hint="Give mode, cost, error or input asset.")
    return changes
