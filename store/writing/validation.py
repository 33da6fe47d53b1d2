"""What a value must be before it is sent. Pure; each function returns the value as it will be stored."""

from uuid import UUID

from store.budgets.model import Period
from store.errors import InvalidValue
from store.model import JobStatus

MAX_COST_CENTS = 2_147_483_647
MAX_LIMIT_CENTS = 10**15
MAX_NAME = 200
MAX_LIMIT = 10_000
MAX_DAYS = 3_660


def status(value: str) -> JobStatus:
    try:
        return JobStatus(value)
    except ValueError:
        known = ", ".join(JobStatus)
        raise InvalidValue("status", f"No such status: {value!r}.", hint=f"Use one of {known}.") from None


def mode(value: str) -> str:
    return _short_text("mode", value)


def project_name(value: str) -> str:
    return _short_text("name", value)


def cost_cents(value: int) -> int:
    if not 0 <= value <= MAX_COST_CENTS:
        raise InvalidValue(
            "cost_cents", f"The cost must be whole cents from 0 to {MAX_COST_CENTS:,}; this is {value:,}."
        )
    return value


def limit_cents(value: int) -> int:
    if not 0 <= value <= MAX_LIMIT_CENTS:
        raise InvalidValue(
            "limit_cents", f"The limit must be whole cents from 0 to {MAX_LIMIT_CENTS:,}; this is {value:,}."
        )
    return value


def one_subject(user_id: UUID | None, project_id: UUID | None) -> None:
    if (user_id is None) == (project_id is None):
        raise InvalidValue("user_id", "A budget is of a user or of a project: give one of them.")


def warn_share(value: float) -> float:
    if not 0 < value <= 1:
        raise InvalidValue("warn_share", f"The share must be above 0 and at most 1; this is {value:g}.")
    return value


def period(value: str) -> Period:
    try:
        return Period(value)
    except ValueError:
        known = ", ".join(Period)
        raise InvalidValue("period", f"No such period: {value!r}.", hint=f"Use one of {known}.") from None


def error_text(value: str) -> str:
    return storable("error", value)


def limit(value: int) -> int:
    if not 1 <= value <= MAX_LIMIT:
        raise InvalidValue("limit", f"The limit must be from 1 to {MAX_LIMIT:,}; this is {value:,}.")
    return value


def days(value: int) -> int:
    if not 1 <= value <= MAX_DAYS:
        raise InvalidValue("days", f"The days must be from 1 to {MAX_DAYS:,}; these are {value:,}.")
    return value


def _short_text(field: str, value: str) -> str:
    text = storable(field, value).strip()
    if not text:
        raise InvalidValue(field, f"The {field} is empty.")
    if len(text) > MAX_NAME:
        raise InvalidValue(field, f"The {field} has {len(text)} characters; at most {MAX_NAME} are kept.")
    return text


def storable(field: str, value: str) -> str:
    """Postgres stores neither NUL nor half of a surrogate pair."""
    if "\0" in value:
        raise InvalidValue(field, f"The {field} holds a NUL character, which the database cannot store.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidValue(field, f"The {field} holds half a character, which the database cannot store.") from None
    return value
