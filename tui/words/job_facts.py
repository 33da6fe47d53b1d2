"""All that is known of a job, a line for each fact. Pure; styles are theme variables."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from store.model import GenerationJob, JobLinks, JobStatus
from store.model.links import NO_LINKS
from store.stuck.model import StuckVerdict
from store.transitions import is_final
from tui.words.costs import Span
from tui.words.format import age, count, duration, is_infinite, local_time, money, utc_time
from tui.words.status import STATUS_STYLES, status_label
from tui.words.text import clean, clean_cell, shorten

_MUTED = "$foreground-muted"
_TITLE_WIDTH = 13
_AGE_WIDTH = 12
_SHORTEST_NAME, _LONGEST_NAME = 8, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Of what a job refers to by id alone; None where it is not known, or has none."""

    owner: str | None = None
    """The e-mail."""
    asset: str | None = None
    """Where it is stored."""
    links: JobLinks = NO_LINKS
    stuck: StuckVerdict | None = None
    """None of a job that does not run."""


def fact_lines(
    job: GenerationJob, *, project: str, now: datetime, width: int, names: Names | None = None
) -> list[list[Span]]:
    """In so many cells, where that is more than an id takes. `now` is the server's time."""
    names = names or Names()
    cents = f"  {count(job.cost_cents)} {'cent' if job.cost_cents == 1 else 'cents'}"
    facts: list[tuple[str, list[Span]]] = [
        ("Status", [(status_label(job.status), f"bold {STATUS_STYLES[job.status]}")]),
        ("Mode", [(clean(job.mode, limit=400), "")]),
        ("Cost", [(money(job.cost_cents), ""), (cents, _MUTED)]),
        ("Created", _time(job.created_at, now)),
        ("Updated", _time(job.updated_at, now)),
        _total(job, now),
        ("Id", [(str(job.id), "")]),
        ("Project", _named(project, job.project_id, width)),
        ("Owner", _named(names.owner, job.user_id, width)),
        ("Input asset", _named(names.asset, job.input_asset_id, width) if job.input_asset_id else [("none", "")]),
        *_linked(names.links),
    ]
    return [[(title.ljust(_TITLE_WIDTH), _MUTED), *spans] for title, spans in facts]


def _linked(links: JobLinks) -> list[tuple[str, list[Span]]]:
    """The last of those that repeat it, for that is the one that counts."""
    facts: list[tuple[str, list[Span]]] = []
    if links.repeats:
        facts.append(("Repeats", [(str(links.repeats), "")]))
    if links.repeated_by:
        earlier = len(links.repeated_by) - 1
        more = [(f"  and {count(earlier)} before", _MUTED)] if earlier else []
        facts.append(("Repeated by", [(str(links.repeated_by[-1]), ""), *more]))
    return facts


def _named(name: str | None, identifier: UUID, width: int) -> list[Span]:
    """The name is cut so that the id stands beside it; the id alone where that leaves next to nothing of it."""
    shown = f"  {identifier}"
    room = min(width - _TITLE_WIDTH - len(shown), _LONGEST_NAME)
    if name is None or room < _SHORTEST_NAME:
        return [(str(identifier), "")]
    return [(shorten(clean_cell(name, room), room), ""), (shown, _MUTED)]


def _total(job: GenerationJob, now: datetime) -> tuple[str, list[Span]]:
    """From creation to the end where there is one: nothing tells when a job was started."""
    is_over = is_final(job.status)
    title = "Total" if is_over else "Waiting" if job.status is JobStatus.QUEUED else "So far"
    end = job.updated_at if is_over else now
    if is_infinite(job.created_at) or is_infinite(end):
        return title, [("–", "")]
    return title, [(duration((end - job.created_at).total_seconds()), "")]


def _time(time: datetime, now: datetime) -> list[Span]:
    """The age, this machine's wall clock and UTC; the date and UTC only where they say something more."""
    if is_infinite(time):
        return [(age(time, now), "")]
    local, utc = local_time(time), utc_time(time)
    other_clock = utc.removeprefix(local.partition(" ")[0]).strip()
    shown = utc if utc == f"{local} UTC" else f"{local} ({other_clock})"
    return [(age(time, now).ljust(_AGE_WIDTH), ""), (shown, _MUTED)]
