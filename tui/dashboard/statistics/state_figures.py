"""The figures of each state of the workflow, as texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gjobs.store.far_times import is_far
from gjobs.store.formats import money
from gjobs.store.jobs.job import AnyStatus, JobStatus, UnknownStatus, in_order
from gjobs.store.statistics.job_flow import MOST_AGE
from gjobs.store.statistics.totals import Count
from gjobs.tui.dashboard.statistics.count_text import UNKNOWN, count_words
from gjobs.tui.text.format import count, elapsed, percent
from gjobs.tui.text.status_text import UNKNOWN_GLYPH, status_glyph, status_style, status_word

if TYPE_CHECKING:
    from gjobs.store.statistics.job_flow import JobFlow
    from gjobs.store.statistics.statistics import JobStatistics
    from gjobs.store.statistics.totals import Totals

MUTED = "$foreground-muted"
_MOST_OTHERS = 3
"""Maximum number of unknown statuses with their own figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFigures:
    """The texts of one state, of all other states together, or of all jobs."""

    state: JobStatus | None = None
    """The state whose jobs a click lists. None for anything but a state of the workflow."""
    glyph: str = ""
    word: str
    style: str
    number: str
    total: str
    average: str
    """Empty if the costs are unknown."""
    flow: str = ""
    """How many jobs entered the state per minute. Empty for anything but a state of the workflow."""

    @property
    def key(self) -> str:
        """The digit that lists the state."""
        return "" if self.state is None else str(_STATES.index(self.state) + 2)

    @property
    def label(self) -> str:
        return f"{self.glyph} {self.word}".lstrip()


_STATES = tuple(JobStatus)
_LEAST_RATE = 0.1
_WHOLE_FROM = 9.95
"""Jobs per minute. From here on, tenths are dropped."""


def state_figures(totals: "Totals") -> dict[JobStatus, StateFigures]:
    """Return the figures of each state of the workflow, in its order."""
    return {status: _figures(totals, [status], status_glyph(status), status_word(status)) for status in JobStatus}


def other_figures(totals: "Totals", *, most: int = _MOST_OTHERS) -> list[StateFigures]:
    """Return the figures of each unknown status. If there are more than `most`, they are added up."""
    unknown = [status for status in in_order(totals.counts) if isinstance(status, UnknownStatus)]
    if len(unknown) > most:
        return [_figures(totals, unknown, UNKNOWN_GLYPH, "other")]
    return [_figures(totals, [status], UNKNOWN_GLYPH, status_word(status)) for status in unknown]


def all_figures(totals: "Totals") -> StateFigures:
    return StateFigures(
        word="Total",
        style="bold",
        number=count_words(totals.count(None)),
        total=_total(totals.statistics, None),
        average=_average(totals.statistics, None),
    )


def _figures(totals: "Totals", statuses: Sequence[AnyStatus], glyph: str, word: str) -> StateFigures:
    first = statuses[0]
    return StateFigures(
        state=first if isinstance(first, JobStatus) else None,
        glyph=glyph,
        word=word,
        style=status_style(first),
        number=count_words(totals.count_of(statuses)),
        total=_total(totals.statistics, statuses),
        average=_average(totals.statistics, statuses),
        flow=_flow(totals, first) if isinstance(first, JobStatus) else "",
    )


def _current_flow(totals: "Totals") -> "JobFlow | None":
    """Return the flow, unless it is so much older than the counts that it would contradict them."""
    flow = totals.flow
    return flow if flow and (totals.taken_at - flow.taken_at).total_seconds() <= MOST_AGE else None


def _flow(totals: "Totals", status: JobStatus) -> str:
    flow = _current_flow(totals)
    moves = flow.moves if flow else None
    rate = moves.per_minute(status) if moves else None
    if rate is None:
        return UNKNOWN
    if 0 < rate < _LEAST_RATE:
        return f"<{_LEAST_RATE}/min"
    return f"{rate:.1f}/min" if 0 < rate < _WHOLE_FROM else f"{count(round(rate))}/min"


def oldest_queued(totals: "Totals") -> str:
    """Return how long the oldest queued job had waited when the flow was read. Empty if none waited.

    The flow may be older than the counts. The oldest queued job in the flow may have started since.
    """
    flow = _current_flow(totals)
    if flow is None or totals.counts.get(JobStatus.QUEUED) == Count(number=0):
        return ""
    since = flow.oldest_queued_at
    return "" if since is None or is_far(since) else elapsed((flow.taken_at - since).total_seconds())


def stuck(totals: "Totals") -> str:
    """Return `2 stuck`. Empty if no job is stuck, or if that is unknown."""
    number = totals.stuck_jobs
    if number is None or not number.number:
        return ""
    return f"{'≥ ' if number.is_more else ''}{count(number.number)} stuck"


def _total(statistics: "JobStatistics | None", statuses: Sequence[AnyStatus] | None) -> str:
    if statistics is None:
        return UNKNOWN
    if statuses is None:
        return money(statistics.total_cost_cents)
    return money(sum(map(statistics.cost_cents, statuses)))


def _average(statistics: "JobStatistics | None", statuses: Sequence[AnyStatus] | None) -> str:
    if statistics is None:
        return ""
    number = statistics.total_count if statuses is None else sum(map(statistics.count, statuses))
    total = statistics.total_cost_cents if statuses is None else sum(map(statistics.cost_cents, statuses))
    return f"{money(round(total / number))} a job" if number else UNKNOWN


def success_rates(totals: "Totals") -> list[str]:
    """Return the success rates of the finished jobs and, if that differs, of all jobs. Or return why there are none."""
    statistics = totals.statistics
    if statistics is None:
        return ["costs not counted"]
    if statistics.success_rate_finished is None:
        return ["no finished jobs"]
    of_finished, of_all = percent(statistics.success_rate_finished), percent(statistics.success_rate)
    return [f"{of_finished} success", *([f"({of_all} of all jobs succeeded)"] if of_all != of_finished else [])]
