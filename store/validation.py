"""Checks of values before a write, and the errors of writes that changed nothing."""

from collections.abc import Sequence
from enum import Enum, StrEnum
from operator import index
from typing import Final, Literal, SupportsIndex, TypeVar
from uuid import UUID

from gjobs.store.errors import Conflict, InvalidValue, NoPrivilege, RowMissing, StoreError, command
from gjobs.store.jobs.job import AnyStatus, JobStatus, User
from gjobs.store.users.actor import ActingUser
from gjobs.store.values.formats import quote_typed
from gjobs.store.values.page_sizes import MAX_LIMIT

MAX_COST_CENTS = 2_147_483_647
MAX_LIMIT_CENTS = 10**15
MAX_NAME = 200
MAX_DAYS = 3_660


E = TypeVar("E", bound=StrEnum)


def check_member(kind: type[E], field: str, value: str) -> E:
    try:
        return kind(value)
    except ValueError:
        raise InvalidValue(field, f"Unknown {field} {value!r}.", hint=f"Use one of {', '.join(kind)}.") from None


def check_workflow_status(value: AnyStatus) -> JobStatus:
    if isinstance(value, JobStatus):
        return value
    sentence = f"A policy needs workflow statuses; {value.value!r} is not one."
    raise InvalidValue("statuses", sentence, hint=f"Use {', '.join(JobStatus)}.")


def check_cost_cents(value: int) -> int:
    return _cents("cost_cents", "The cost", value, most=MAX_COST_CENTS)


def check_limit_cents(value: int) -> int:
    return _cents("limit_cents", "The limit", value, most=MAX_LIMIT_CENTS)


def _cents(field: str, what: str, value: SupportsIndex, *, most: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidValue(field, f"{what} must be whole cents, as an integer; this is {value!r}.")
    cents = index(value)
    if not 0 <= cents <= most:
        raise InvalidValue(field, f"{what} must be whole cents from 0 to {most:,}; this is {cents:,}.")
    return cents


def check_one_subject(user_id: UUID | None, project_id: UUID | None) -> None:
    if (user_id is None) == (project_id is None):
        raise InvalidValue("user_id", "A budget belongs to a user or to a project. Give one of them.")


def check_warn_share(value: float) -> float:
    if not 0 < value <= 1:
        raise InvalidValue("warn_share", f"The share must be above 0 and at most 1; this is {value:g}.")
    return value


def check_limit(value: int) -> int:
    if not 1 <= value <= MAX_LIMIT:
        raise InvalidValue("limit", f"The limit must be from 1 to {MAX_LIMIT:,}; this is {value:,}.")
    return value


def check_days(value: int) -> int:
    if not 1 <= value <= MAX_DAYS:
        raise InvalidValue("days", f"The number of days must be from 1 to {MAX_DAYS:,}; this is {value:,}.")
    return value


def check_name(field: str, value: str) -> str:
    """Return the text without surrounding spaces. Refuses an empty or a long one."""
    text = check_storable(field, value).strip()
    if not text:
        raise InvalidValue(field, f"The {field} is empty.")
    if len(text) > MAX_NAME:
        raise InvalidValue(field, f"The {field} has {len(text)} characters; the maximum is {MAX_NAME}.")
    return text


def check_storable(field: str, value: str) -> str:
    """Refuse NUL and lone surrogates, which Postgres can't store."""
    if "\0" in value:
        raise InvalidValue(field, f"The {field} contains a NUL character, which the database can't store.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidValue(
            field, f"The {field} contains an invalid character (a lone surrogate), which the database can't store."
        ) from None
    return value


U = TypeVar("U", User, ActingUser)


def require_one_user(wanted: str, found: Sequence[U]) -> U:
    """Return the only user. Raises RowMissing if there is none, and InvalidValue if there are several."""
    if len(found) > 1:
        ids = ", ".join(str(user.id) for user in found)
        raise InvalidValue("email", f"Several users have the e-mail {quote_typed(wanted)}.", hint=f"Use an id: {ids}")
    if not found:
        raise RowMissing(
            f"No user has the e-mail or id {quote_typed(wanted)}.", hint=f"Run {command('users')} to list users."
        )
    return found[0]


def no_project(project_id: UUID) -> RowMissing:
    return RowMissing(
        f"There is no project {project_id}, or this user does not see it.",
        (project_id,),
        hint=f"Run {command('projects')} to list projects.",
    )


def no_such_jobs(ids: Sequence[UUID]) -> str:
    named = ", ".join(map(str, ids))
    one = len(ids) == 1
    return (
        f"There {'is no job' if one else 'are no jobs'} {named}, or this user does not see {'it' if one else 'them'}."
    )


def no_jobs(ids: Sequence[UUID]) -> RowMissing:
    return RowMissing(f"{no_such_jobs(ids)} Nothing was changed.", tuple(ids))


def not_permitted(job_id: UUID) -> NoPrivilege:
    """Row level security refuses a change silently: no row changes."""
    return NoPrivilege(f"You can see job {job_id}, but the database does not let you change it. Nothing was changed.")


def not_stored(what: str) -> Conflict:
    """The database accepted a row but returned none: a trigger dropped it, or a rule stored it elsewhere."""
    return Conflict(
        f"The database accepted the {what} but did not store it. Nothing was changed.",
        hint="A trigger or rule of the database blocks it. Ask the database's owner.",
    )


def referred_to(sqlstate: str | None) -> Conflict:
    return Conflict(
        "Rows of another table refer to a job. Nothing was deleted.",
        hint="Delete those rows first, or let their foreign key cascade.",
        sqlstate=sqlstate,
    )


_OWNERS = {"user_id": "owner", "project_id": "project", "input_asset_id": "input asset"}


def not_restorable(error: InvalidValue) -> StoreError:
    """Return the error of a restore. A foreign key violation names the missing row; other errors stay as they are."""
    return not_restored(_OWNERS[error.field]) if error.field in _OWNERS else error


_SEE_ROWS = "Run 'gjobs journal --json' to see the whole rows."


def not_restored(gone: str) -> Conflict:
    words = f"The {gone} of a job no longer exists, or is hidden from this user. Nothing was restored."
    return Conflict(words, hint=_SEE_ROWS)


def id_taken(job_id: UUID) -> Conflict:
    words = f"Job {job_id} exists already, maybe hidden from this user. Nothing was restored."
    return Conflict(words, hint=_SEE_ROWS)


def not_archived(ids: Sequence[UUID]) -> RowMissing:
    named = ", ".join(map(str, ids))
    return RowMissing(
        f"Not in the archive, or hidden from this user: {named}. Nothing was restored.",
        tuple(ids),
        hint=f"Run {command('archive list')} to list archived jobs.",
    )


def not_restored_from_archive(error: InvalidValue) -> StoreError:
    """Return the error of a restore from the archive.

    A taken id gets its own message; other errors stay as they are.
    """
    if error.sqlstate == "23505":
        return Conflict(
            "One of these jobs exists already, maybe hidden from this user. Nothing was restored.",
            hint="Restore the jobs one by one, or delete the existing job.",
            sqlstate=error.sqlstate,
        )
    if error.field in _OWNERS:
        words = f"{named_refusal(error).message} Nothing was restored."
        return Conflict(words, hint="Leave the job in the archive.", sqlstate=error.sqlstate)
    return error


def named_refusal(error: StoreError) -> StoreError:
    """Return what refused an archived job: the row that no longer exists, if the database named its column."""
    if isinstance(error, InvalidValue) and error.field in _OWNERS:
        return Conflict(f"The {_OWNERS[error.field]} of an archived job no longer exists.", sqlstate=error.sqlstate)
    return error


class _Unset(Enum):
    UNSET = "unset"


UNSET: Final = _Unset.UNSET
"""Means "leave it as it is" where None is a value."""

Unset = Literal[_Unset.UNSET]


def changed_columns(
    *,
    mode: str | Unset,
    cost_cents: int | Unset,
    error: str | Unset | None,
    input_asset_id: UUID | Unset | None,
) -> dict[str, object]:
    """Return the columns to change, by name. Raises InvalidValue if a value is invalid or none is given."""
    changes: dict[str, object] = {}
    if mode is not UNSET:
        changes["mode"] = check_name("mode", mode)
    if cost_cents is not UNSET:
        changes["cost_cents"] = check_cost_cents(cost_cents)
    if error is not UNSET:
        changes["error"] = None if error is None else check_storable("error", error)
    if input_asset_id is not UNSET:
        changes["input_asset_id"] = input_asset_id
    if not changes:
        raise InvalidValue("changes", "There is nothing to change.", hint="Give mode, cost, error or input asset.")
    return changes
