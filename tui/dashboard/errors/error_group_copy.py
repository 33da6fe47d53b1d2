"""The copy of an error group for a ticket, redacted like a case."""

import shlex
from typing import assert_never

from gjobs.store.error_groups.error_group import ErrorGroup, ErrorGroups, ErrorScope
from gjobs.store.filters.filter_terms import Key, Term
from gjobs.store.filters.filter_text import format_filter
from gjobs.store.filters.job_filter import JobFilter
from gjobs.store.jobs.job import JobStatus
from gjobs.store.page_limits import MAX_LIMIT, PAGE_SIZE
from gjobs.store.users.actor import ActingUser, Actor, Anon, Operator
from gjobs.tui.case.redacted_groups import redacted_group
from gjobs.tui.case.redaction import Redactor
from gjobs.tui.text.error_group_text import ticket_text


def group_filter(scope: ErrorScope, group: ErrorGroup) -> str:
    """Return the filter that lists the failed jobs of the group."""
    terms = (
        *scope.job_filter.terms,
        Term(key=Key.ERROR_GROUP, values=(group.id,)),
        Term(key=Key.STATUS, values=(JobStatus.FAILED.value,)),
    )
    return format_filter(JobFilter(terms=terms))


def group_copy(group: ErrorGroup, found: ErrorGroups, *, scope: ErrorScope, actor: Actor) -> str:
    """Return the group as text. Users are named by their ids, and the example is redacted."""
    redactor = Redactor(ids=(group.example_job_id, *group.users))
    return ticket_text(redacted_group(group, redactor.text), found, command=_command(scope, group, actor))


def _command(scope: ErrorScope, group: ErrorGroup, actor: Actor) -> str:
    of_project = [] if scope.project_id is None else ["--project", str(scope.project_id)]
    limit = ["--limit", str(min(group.count, MAX_LIMIT))] if group.count > PAGE_SIZE else []
    chosen = [*of_project, "--filter", group_filter(scope, group), *limit, "--as", _who(actor)]
    return shlex.join(["gjobs", "jobs", "list", *chosen])


def _who(actor: Actor) -> str:
    match actor:
        case Operator():
            return "operator"
        case Anon():
            return "anon"
        case ActingUser(id=user_id):
            return str(user_id)
    assert_never(actor)
