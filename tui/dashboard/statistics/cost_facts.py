"""Success rates and daily costs as parts of a line, which may be dropped."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gjobs.store.formats import money
from gjobs.tui.dashboard.statistics.count_text import UNKNOWN
from gjobs.tui.dashboard.statistics.state_figures import (
    MUTED,
    all_figures,
    oldest_queued,
    other_figures,
    state_figures,
    stuck,
    success_rates,
)
from gjobs.tui.text.format import Span, spark

if TYPE_CHECKING:
    from gjobs.store.statistics.statistics import DayCost
    from gjobs.store.statistics.totals import Totals

_GAP, _LEAST_GAP = 3, 2


@dataclass(frozen=True, slots=True)
class Fact:
    """A part of a line, which may be dropped."""

    span: Span
    drops: int
    """The order of dropping facts that do not fit, highest first. A fact with 0 is never dropped."""
    gap: int = _GAP
    """The number of cells between this fact and the previous one."""


def flow_facts(totals: "Totals", *, with_rates: bool = False) -> list[Fact]:
    """Return how many jobs are stuck, and how long the oldest queued job has waited.

    With rates, also return how many jobs entered each state per minute: `1.6 → 0.4 → 0.3 / 0 a min`.
    """
    waits, number, rates = oldest_queued(totals), stuck(totals), _rates(totals) if with_rates else ""
    return [
        *([Fact((number, "bold $text-warning"), 0)] if number else []),
        *([Fact((rates, MUTED), 2)] if rates else []),
        *([Fact((f"oldest {waits}" if rates else f"oldest queued {waits}", MUTED), 3)] if waits else []),
    ]


def _rates(totals: "Totals") -> str:
    """Return the flow of all states. Empty if that is unknown."""
    flows = [one.flow.removesuffix("/min") for one in state_figures(totals).values()]
    queued, running, succeeded, failed = flows
    return "" if UNKNOWN in flows else f"{queued} → {running} → {succeeded} / {failed} a min"


def total_facts(totals: "Totals") -> list[Fact]:
    """Return the figures of all jobs, and of each status outside the workflow."""
    everything = all_figures(totals)
    average = [] if everything.average in ("", UNKNOWN) else [everything.average]
    return [
        Fact((" · ".join([f"Total {everything.number}", everything.total, *average]), "bold"), 0),
        *(Fact((f"{one.label} {one.number}", one.style), 1) for one in other_figures(totals)),
    ]


def rate_facts(totals: "Totals") -> list[Fact]:
    first, *further = success_rates(totals)
    return [Fact((first, "" if further else MUTED), 1), *(Fact((words, MUTED), 5, gap=1) for words in further)]


def day_facts(totals: "Totals", *, most: int | None = None) -> list[Fact]:
    """Return one bar for each of the last `most` days, and a text that explains the bars. None means all days."""
    if totals.days is None:
        return [Fact(("costs by day not counted", MUTED), 4)]
    days = totals.days[-most:] if most else totals.days
    return [Fact((spark([day.total_cost_cents for day in days]), "$text-accent"), 0), Fact((_today(days), MUTED), 4)]


def _today(days: "Sequence[DayCost]") -> str:
    return f"{len(days)} days, {money(days[-1].total_cost_cents if days else 0)} today"


def joined(facts: Sequence[Fact], width: int) -> list[Span]:
    """Return the facts that fit. They get closer before one is dropped."""
    shown = list(facts)
    while len(shown) > 1 and _width(shown, _LEAST_GAP) > width:
        shown.remove(max(shown, key=lambda fact: fact.drops))
    most_gap = _GAP if _width(shown, _GAP) <= width else _LEAST_GAP
    first, *further = shown
    return [first.span, *(part for fact in further for part in ((" " * min(fact.gap, most_gap), ""), fact.span))]


def _width(facts: Sequence[Fact], most_gap: int) -> int:
    return sum(len(fact.span[0]) for fact in facts) + sum(min(fact.gap, most_gap) for fact in facts[1:])
