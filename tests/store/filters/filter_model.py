"""The meaning of filters, implemented independently in Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import eq, ge, gt, le, lt
from uuid import UUID

from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.filters.filter_terms import Age, Between, Compared, Comparison, JobFilter, Key, Term, Value
from gjobs.store.jobs.job import STUCK_AFTER, GenerationJob, JobStatus

OPERATORS = {
    Comparison.AT_LEAST: ge,
    Comparison.AT_MOST: le,
    Comparison.MORE: gt,
    Comparison.LESS: lt,
    Comparison.EQUAL: eq,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that one actor sees, by id."""

    projects: Mapping[UUID, str]
    users: Mapping[UUID, str | None]


def matches(job: GenerationJob, job_filter: JobFilter, names: Names) -> bool:
    return all(holds(job, term, names) for term in job_filter.terms)


def holds(job: GenerationJob, term: Term, names: Names) -> bool:
    return term.is_negated is not any(_holds(job, term.key, value, names) for value in term.values)


def _holds(job: GenerationJob, key: Key | None, value: Value, names: Names) -> bool:
    text = str(value)
    match key:
        case None:
            ids = (job.id, job.project_id, job.user_id, job.input_asset_id)
            return _contains(job.mode, text) or _contains(job.error, text) or any(_begins(one, text) for one in ids)
        case Key.STATUS:
            return job.status == value
        case Key.MODE:
            return job.mode.lower() == text.lower()
        case Key.COST:
            return _compares(job.cost_cents, value)
        case Key.PROJECT:
            return _is(names.projects.get(job.project_id), text) or _begins(job.project_id, text)
        case Key.USER:
            return _is(names.users.get(job.user_id), text) or _begins(job.user_id, text)
        case Key.ASSET:
            if value in ("none", "any"):
                return (job.input_asset_id is None) is (value == "none")
            return _begins(job.input_asset_id, text)
        case Key.SINCE:
            return job.created_at >= _moment(value)
        case Key.UNTIL:
            return job.created_at < _moment(value)
        case Key.TOOK:
            finished = job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)
            return finished and _compares((job.updated_at - job.created_at) / timedelta(seconds=1), value)
        case Key.ERROR:
            return _contains(job.error, text)
        case Key.ERROR_GROUP:
            return job.status is JobStatus.FAILED and error_group_id(job.error) == text
        case Key.ID:
            return _begins(job.id, text)
        case Key.IS:
            return job.status is JobStatus.RUNNING and job.updated_at < datetime.now(UTC) - STUCK_AFTER


def _moment(value: Value) -> datetime:
    if isinstance(value, Age):
        return datetime.now(UTC) - timedelta(seconds=value.seconds)
    assert isinstance(value, datetime)
    return value


def _compares(number: float, value: Value) -> bool:
    if isinstance(value, Between):
        return value.low <= number <= value.high
    assert isinstance(value, Compared)
    return bool(OPERATORS[value.comparison](number, value.amount))


def _is(name: str | None, text: str) -> bool:
    return name is not None and name.lower() == text.lower()


def _contains(column: str | None, text: str) -> bool:
    return column is not None and text.lower() in column.lower()


def _begins(identifier: UUID | None, text: str) -> bool:
    """Return whether an id starts with these digits, with all of its dashes or none."""
    if identifier is None or len(text.replace("-", "")) < 4:
        return False
    return str(identifier).startswith(text.lower()) or identifier.hex.startswith(text.lower())
