"""Status tabs, the list's title, and texts on what is hidden from a user."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from rich.cells import cell_len
from textual.app import App
from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widgets import Static

from gjobs.store.filters.filter_terms import JobFilter, Key, named_statuses
from gjobs.store.job_list.list_query import Listing, ListQuery, OrderColumn, ReadRules, VisibilityComparison
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus
from gjobs.store.statistics.statistics import Count
from gjobs.store.users.actor import actor_name
from gjobs.store.values.formats import id_range
from gjobs.tui.dashboard.bindings import key_of
from gjobs.tui.dashboard.list.job_columns import HIDDEN
from gjobs.tui.text import status_text
from gjobs.tui.text.clean_text import clean, clean_cell, shorten
from gjobs.tui.text.format import count, counted, short_id
from gjobs.tui.text.statistics_text import LONGEST_POLICY_NAME, deciding_policies, policy_line, why_hidden


def verdict(visibility: VisibilityComparison) -> str:
    """Return a sentence with the number of visible jobs and the number of all jobs."""
    return f"{_user(visibility)} {short_verdict(visibility)}"


def short_verdict(visibility: VisibilityComparison) -> str:
    """Return the verdict without the user's name. A missing grant is not shown as zero."""
    if not visibility.rules.is_granted:
        return "sees none: no grant"
    partial = " with partial claims" if visibility.partial_claims else ""
    if visibility.rules.holds_for_operator:
        return f"sees {counted(visibility.seen)}{partial}, and the operator sees {counted(visibility.everything)}"
    return f"sees {counted(visibility.seen)} of {counted(visibility.everything)}{partial}"


def list_note(visibility: VisibilityComparison) -> str:
    """Return a short note on why jobs are hidden. Empty if none are."""
    if visibility.rules.holds_for_operator:
        return "row level security also applies to the operator, who may miss rows too"
    return f"{HIDDEN} {_hidden_by(visibility.rules)}" if visibility.hidden else ""


def _hidden_by(rules: ReadRules) -> str:
    if not rules.is_granted:
        return f"from every user: {rules.role} has no grant"
    if not rules.has_row_security:
        return "by something other than a policy"
    if not rules.permissive:
        return f"from every user: no policy lets {rules.role} read"
    named = ", ".join(f"“{clean(policy.name, limit=LONGEST_POLICY_NAME)}”" for policy in rules.policies)
    return f"by the policy {named}" if len(rules.policies) == 1 else f"by the policies {named}"


def hiding_lines(visibility: VisibilityComparison) -> tuple[str, ...]:
    """Return the lines for a hidden job: from whom, why, and the policies with their expressions."""
    first = f"{HIDDEN} from {_user(visibility)}. {clean(why_hidden(visibility.rules), limit=400)}"
    return (first, *(policy_line(policy) for policy in deciding_policies(visibility.rules)))


def refused_words(visibility: VisibilityComparison, jobs: Sequence[GenerationJob], hidden: int, *, key: str) -> str:
    """Return a warning that refuses an action, because the user does not see all of the jobs."""
    what = "this job" if len(jobs) == 1 else f"{hidden} of these {len(jobs)} jobs"
    return f"{_user(visibility)} does not see {what}. Press {key} to act as the operator."


def no_totals(visibility: VisibilityComparison | None) -> str:
    """Return why there are no numbers. Empty if there are."""
    if visibility is None or visibility.rules.is_granted:
        return ""
    return f"No grant: {_user(visibility)} may not read the jobs, so there are no costs to show."


def _user(visibility: VisibilityComparison) -> str:
    return clean(actor_name(visibility.user), limit=60)


TABS: tuple[JobStatus | None, ...] = (None, *JobStatus)
"""In the order of their keys, from 1. None means all jobs."""

_MOST_GAP, _LEAST_GAP = 2, 1
_LEAST_FIXED = 16
"""At most this many cells are reserved for a filter's values. Words in tabs must fit the rest."""


def fixed_values(job_filter: JobFilter) -> str:
    """Return what a filter allows, such as `status: failed · mode: lifestyle · cost:>$0.50`: values first."""
    if not job_filter:
        return ""
    from gjobs.store.filters.filter_syntax import format_filter

    fixing = (Key.STATUS, Key.MODE, Key.PROJECT, Key.USER)
    terms = [term for term in job_filter.terms if term.key in fixing and not term.is_negated]
    others = JobFilter(terms=tuple(term for term in job_filter.terms if term not in terms))
    return _joined(*(f"{term.key}: {' or '.join(map(str, term.values))}" for term in terms), format_filter(others))


class StatusTabs(Static):
    """One tab for each status. The tabs show counts or, with a filter, the values that it allows."""

    ALLOW_SELECT = False
    auto_links = False
    DEFAULT_CSS = """
    StatusTabs {
        height: 1;
        text-wrap: nowrap;
    }
    """

    chosen: reactive[AnyStatus | None] = reactive[AnyStatus | None](None)
    """None for all statuses."""
    counts: reactive[Mapping[AnyStatus | None, str]] = reactive[Mapping[AnyStatus | None, str]](MappingProxyType({}))
    """The known numbers of jobs, as text. None is the key of all jobs."""
    fixed: reactive[str] = reactive("")
    """The values that a filter fixes; empty without a filter. It may be any text."""

    def render(self) -> Content:
        parts: list[Content | tuple[str, str]] = []
        labels, gap = self._layout()
        for place, (status, label) in enumerate(zip(TABS, labels, strict=True)):
            key, style = str(place + 1), "" if status is None else status_text.status_style(status)
            if status == self.chosen:
                tab = Content.styled(f" {key} {label} ", f"bold reverse {style}")
            else:
                tab = Content.assemble((f" {key} ", "$foreground-muted"), (f"{label} ", style))
            parts += [tab.stylize(Style.from_meta({"@click": ("screen.status", (place,))})), (" " * gap, "")]
        room = self.size.width - _width(labels, gap) - _MOST_GAP
        if self.fixed and room > 1:
            parts += [(" " * (_MOST_GAP - gap), ""), (shorten(clean_cell(self.fixed, room), room), "$text-accent")]
        return Content.assemble(*parts)

    def _layout(self) -> tuple[list[str], int]:
        """Return the labels and the gap between them: words with glyphs if they fit, otherwise words, then glyphs."""
        room = self.size.width - (min(cell_len(self.fixed), _LEAST_FIXED) + _MOST_GAP if self.fixed else 0)
        words = [self._label(status, "all" if status is None else status_text.status_label(status)) for status in TABS]
        bare_words = [
            self._label(status, "all" if status is None else status_text.status_word(status)) for status in TABS
        ]
        glyphs = [
            word if status in (None, self.chosen) else self._label(status, status_text.status_glyph(status))
            for status, word in zip(TABS, words, strict=True)
        ]
        bare = [
            label if status in (None, self.chosen) else label[:1] for status, label in zip(TABS, glyphs, strict=True)
        ]
        layouts = [(labels, gap) for labels in (words, bare_words, glyphs, bare) for gap in (_MOST_GAP, _LEAST_GAP)]
        return next((layout for layout in layouts if _width(*layout) <= room), layouts[-1])

    def _label(self, status: AnyStatus | None, name: str) -> str:
        return f"{name} {self.counts[status]}" if status in self.counts else name


def _width(labels: Sequence[str], gap: int) -> int:
    return sum(len(f" 1 {label} ") for label in labels) + gap * (len(labels) - 1)


_ORDERS: Mapping[tuple[OrderColumn, bool], str] = {
    (OrderColumn.CREATED, True): "newest first",
    (OrderColumn.CREATED, False): "oldest first",
    (OrderColumn.UPDATED, True): "last updated first",
    (OrderColumn.UPDATED, False): "first updated first",
    (OrderColumn.COST, True): "most expensive first",
    (OrderColumn.COST, False): "cheapest first",
    (OrderColumn.TOTAL, True): "longest total first",
    (OrderColumn.TOTAL, False): "shortest total first",
}

CRUMB = "▸"
_FOUND_WIDTHS = (40, 24, 12, 0)
"""Widths of the filter text in cells, tried in this order until the title fits."""

_LONGEST_NAME, _SHORTEST_NAME = 30, 14
"""Cells of a project's name in the title."""


def project_crumbs(name: str | None, *, keys: str) -> tuple[str, ...]:
    """Return the breadcrumbs of the listed project in several lengths, longest first. `name` is None for all projects.

    `keys` names the keys that choose another project. Only the longest breadcrumbs name these keys.
    """
    if name is None:
        return (f"All projects ({keys}: choose)", "All projects")
    cut, short = (shorten(clean_cell(name, cells), cells) for cells in (_LONGEST_NAME, _SHORTEST_NAME))
    return (f"All projects {CRUMB} {cut} ({keys}: switch)", f"All projects {CRUMB} {cut}", f"{CRUMB} {short}")


def job_list_title(
    listing: Listing | None,
    position: status_text.Position | None,
    *,
    view: str | None = None,
    width: int | None = None,
    crumbs: Sequence[str] = ("",),
) -> str:
    """Return the title of the list, with its length or the position in it.

    `crumbs` are breadcrumbs in several lengths, longest first, if no pane shows the projects.

    `view` is the name of the view in force. If `width` is too small, the order is dropped first, then the
    filter, then the kind. The filter bar still shows the filter. A `width` of None is unlimited.
    """
    if listing is None:
        return "Jobs"
    listed = listing.query.window.listed
    all_jobs = "" if any(crumbs) else "Jobs"
    kind = all_jobs if listed.status is None else f"{status_text.status_word(listed.status).capitalize()} jobs"
    seen = verdict(listing.visibility) if listing.visibility else ""
    # The visibility verdict counts the whole list.
    rows = "" if listing.visibility else count(len(listing.window.jobs))
    if position and not listing.window.is_whole:
        rows = status_text.position_words(position)
    order = f", {_ORDERS[listed.order.column, listed.order.descending]}"
    titles = [
        _joined(crumb, kind, _found(listed.job_filter, view, cells), rows, seen) + end
        for crumb in crumbs
        for end, least in ((order, 24), ("", 0))
        for cells in _FOUND_WIDTHS
        if cells >= least
    ]
    project, status = crumbs[-1], "" if listed.status is None else status_text.status_word(listed.status).capitalize()
    titles += [_joined(project, status, rows, seen), _joined(project, status, rows), _joined(project, status)]
    titles += [_joined(kind, rows), _joined(rows, seen)]
    return next((title for title in titles if width is None or cell_len(title) <= width), titles[-1])


def whole_list_words(listing: Listing, length: Count | None, *, view: str | None = None) -> str:
    """Return what the whole list contains, such as `200,030 failed jobs · newest first`."""
    listed, window = listing.query.window.listed, listing.window
    if window.is_whole:
        length = Count(number=len(window.jobs))
    kind = "" if listed.status is None else f"{status_text.status_word(listed.status)} "
    jobs = "job" if length == Count(number=1) else "jobs"
    number = "All" if length is None else status_text.count_words(length)
    order = _ORDERS[listed.order.column, listed.order.descending]
    return _joined(f"{number} {kind}{jobs}", _found(listed.job_filter, view, _FOUND_WIDTHS[0]), order)


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))


def _found(job_filter: JobFilter, view: str | None, cells: int) -> str:
    if not job_filter or not cells:
        return ""
    from gjobs.store.filters.filter_syntax import format_filter

    kind, text = ("with", format_filter(job_filter)) if view is None else ("view", view)
    return f"{kind} {shorten(clean_cell(text, cells), cells)}"


def why_empty(app: App[Any], listing: Listing, needle: str, *, may_create_projects: bool = True) -> str:
    """Return the text in place of rows, with the keys that help. `needle` is the typed filter."""
    listed = listing.query.window.listed
    if listed.job_filter:
        further = "" if id_range(needle.strip()) is None else " Press enter to find that id everywhere."
        if unknown := status_text.unknown_statuses_words(named_statuses(listed.job_filter.terms)):
            further += f" {unknown}"
        return f"No job matches.{further} Press {key_of(app, 'list.clear')} to show all jobs again."
    if listing.query.moment is not None:
        return f"No {'' if listed.status is None else f'{status_text.status_word(listed.status)} '}jobs at this moment."
    if listing.visibility is not None:
        return f"No jobs, neither for {clean(actor_name(listing.visibility.user), limit=60)} nor for the operator."
    if not listing.projects and not may_create_projects:
        return f"No projects found. Press {key_of(app, 'app.user')} to act as a user."
    if not listing.projects:
        return f"No projects found. Press {key_of(app, 'project.new')} to create one first."
    if listed.status is not None:
        return f"No {status_text.status_word(listed.status)} jobs."
    if listed.project_id is None or len(listing.projects) == 1:
        return f"Press {key_of(app, 'job.new')} to create your first generation job."
    return f"This project has no jobs. Press {key_of(app, 'job.new')} to create one."


def unlisted_words(app: App[Any], listed: ListQuery, job: GenerationJob) -> str:
    """Return why the list does not show a new job, and how to see it."""
    not_here = "It is not in this list."
    if listed.status not in (None, job.status):
        return f"{not_here} Press {key_of(app, 'list.all')} to list all statuses."
    if listed.project_id not in (None, job.project_id):
        return f"{not_here} Press {key_of(app, 'project.pick')} to choose its project."
    if listed.job_filter:
        return f"{not_here} Press {key_of(app, 'list.clear')} to clear the filter."
    return "It is not among the rows shown."


def cursor_lost_words(job_id: UUID, *, has_left: bool) -> str:
    """Return a warning. The cursor is then on no job until it moves, so that no key acts on a neighbor."""
    what = "left this list" if has_left else "changed, and moved to another place or left the list"
    return f"The job {short_id(job_id)} under the cursor {what}."


def marks_lost_words(jobs: int) -> str:
    """Return a warning. Marks on jobs that left the list are dropped, so that no key acts on them."""
    left = "1 marked job" if jobs == 1 else f"{jobs} marked jobs"
    return f"{left} left this list."
