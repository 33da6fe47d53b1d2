"""The cost panel: its lines at every width, and what highlights changes between two counts."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import AnyStatus, JobStatus
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.statistics.statistics import (
    Count,
    DayCost,
    JobFlow,
    JobStatistic,
    JobStatistics,
    OutcomeCosts,
    Precision,
    RecentMoves,
    Totals,
    TotalsQuery,
)
from gjobs.store.users.actor import ActingUser
from gjobs.tui.dashboard.list.table_drawing import CURSOR_FLASH, FLASH
from gjobs.tui.dashboard.panels.costs_panel import CostsPanel, draw_costs
from gjobs.tui.dashboard.panels.state_machine import (
    FRAMES,
    Canvas,
    StateChanges,
    draw_changes,
    state_changes,
    state_figures,
    stuck,
)
from gjobs.tui.text.status_text import Position, count_words, is_whole, position_words, totals_note
from tests.store.store_fixtures import ADA
from tests.tui.dashboard.dashboard_driver import Drive, Driver
from tests.tui.jobs_database import JobsDatabase
from tests.tui.sample_jobs import NOON, make_totals, texts

amounts = st.integers(-(10**6), 10**9)


def numbers(shown: Sequence[DayCost], **rows: tuple[int, int]) -> Totals:
    """Return totals; `queued=(6, 1200)` means six queued jobs for 1,200 cents."""
    by_status = tuple(
        JobStatistic(
            status=JobStatus(status), count=count, total_cost_cents=cents, avg_cost_cents=round(cents / count, 2)
        )
        for status, (count, cents) in rows.items()
    )
    return make_totals(JobStatistics(by_status=by_status), days=tuple(shown))


def days(*cents: int) -> list[DayCost]:
    first = date(2026, 11, 1)
    return [
        DayCost(day=first + timedelta(days=number), job_count=1, total_cost_cents=amount)
        for number, amount in enumerate(cents)
    ]


USUAL = numbers(days(0, 100, 700), queued=(6, 1200), running=(2, 450), succeeded=(104, 24875), failed=(9, 1800))


def cost_lines(totals: Totals, *, width: int, height: int) -> list[str]:
    return texts(draw_costs(totals, width=width, height=height).canvas.lines())


def test_wide_cost_panel_shows_every_figure() -> None:
    assert cost_lines(USUAL, width=110, height=4) == [
        "2 ◌ queued 6 ──────→ 3 ▸ running 2 ──────→ 4 ✓ succeeded 104    /    5 ✗ failed 9         Total 121",
        "$12.00               $4.50                 $248.75                   $18.00               $283.25",
        "$2.00 a job          $2.25 a job           $2.39 a job               $2.00 a job          $2.34 a job",
        "92 % success (86 % of all jobs succeeded)   ▁▂█   3 days, $7.00 today",
    ]
    ended = numbers(days(0, 700), succeeded=(1, 500), failed=(1, 200))
    assert cost_lines(ended, width=110, height=4)[-1] == "50 % success   ▁█   2 days, $7.00 today"


COUNTS, AMOUNTS = "2 ◌ 6 → 3 ▸ 2 → 4 ✓ 104 / 5 ✗ 9 Total 121", "$12.00 $4.50 $248.75 $18.00 $283.25"

NARROW_COUNTS, NARROW_AMOUNTS = "▸ 2 → ✓ 104 / ✗ 9 Total 121", "$4.50 $248.75 $18.00 $283.25"

NAMED_COUNTS = "2 ◌ queued 6 → 3 ▸ running 2 → 4 ✓ succeeded 104 / 5 ✗ failed 9 Total 121"

AVERAGES = "$2.00 a job $2.25 a job $2.39 a job $2.00 a job $2.34 a job"

SUCCESS, DAYS = "92 % success", "▁▂█ 3 days, $7.00 today"

RATES = f"{SUCCESS} (86 % of all jobs succeeded)"


@pytest.mark.parametrize(
    ("width", "height", "lines"),
    [
        (80, 3, [NAMED_COUNTS, AMOUNTS, f"{RATES} {DAYS}"]),
        (70, 2, [re.sub(r"\d (?=[◌▸✓✗])", "", NAMED_COUNTS), AMOUNTS]),
        (36, 2, [NARROW_COUNTS, NARROW_AMOUNTS]),
        (68, 4, [COUNTS, AMOUNTS, AVERAGES, f"{RATES} {DAYS}"]),
        (36, 3, [NARROW_COUNTS, NARROW_AMOUNTS, f"{SUCCESS} ▁▂█"]),
        (9, 2, ["Total 121", "$283.25"]),
    ],
)
def test_narrow_cost_panel_drops_the_least_important_figures(width: int, height: int, lines: list[str]) -> None:
    shown = cost_lines(USUAL, width=width, height=height)

    assert [" ".join(line.replace("─", "").split()) for line in shown] == lines
    assert max(map(len, shown)) <= width


def test_cost_panel_without_jobs_shows_zeros_and_no_averages() -> None:
    assert cost_lines(numbers(days(0, 0)), width=110, height=4) == [
        "2 ◌ queued 0 ──────→ 3 ▸ running 0 ──────→ 4 ✓ succeeded 0    /    5 ✗ failed 0         Total 0",
        "$0.00                $0.00                 $0.00                   $0.00                $0.00",
        "–                    –                     –                       –                    –",
        "no finished jobs   ▁▁   2 days, $0.00 today",
    ]
    boxes = "\n".join(cost_lines(numbers(days(0, 0)), width=140, height=9))
    assert boxes.count("│ $0.00 ") == 4
    assert "Total 0 · $0.00   no finished jobs" in boxes
    assert "· –" not in boxes


FLOW = JobFlow(
    taken_at=NOON,
    moves=RecentMoves(
        seconds=300.0,
        entered={JobStatus.QUEUED: 6, JobStatus.RUNNING: 0, JobStatus.SUCCEEDED: 50, JobStatus.FAILED: 1},
    ),
    oldest_queued_at=NOON - timedelta(minutes=5),
    stuck=CappedCount(number=2),
    outcomes={
        date(2026, 11, 2): OutcomeCosts(day=date(2026, 11, 2), succeeded_cents=100, failed_cents=0),
        date(2026, 11, 3): OutcomeCosts(day=date(2026, 11, 3), succeeded_cents=350, failed_cents=20),
    },
)
FLOWING = replace(USUAL, flow=FLOW)


def test_panel_shows_average_and_flow_of_each_state_and_what_needs_attention() -> None:
    """On 80 columns and 24 lines, it omits the digit keys of the states, because the tabs below it show them."""
    assert cost_lines(FLOWING, width=76, height=4) == [
        "◌ queued 6 ───→ ▸ running 2 ──→ ✓ succeeded 104 /  ✗ failed 9    Total 121",
        "$12.00          $4.50           $248.75            $18.00        $283.25",
        "$2.00 a job     $2.25 a job     $2.39 a job        $2.00 a job   $2.34 a job",
        "2 stuck   1.2 → 0 → 10 / 0.2 a min   oldest 5 min   92 % success   ▁▂█",
    ]
    assert cost_lines(FLOWING, width=110, height=5)[3:] == [
        "1.2/min              0/min                 10/min                    0.2/min",
        "2 stuck   oldest queued 5 min   92 % success (86 % of all jobs succeeded)   ▁▂█   3 days, $7.00 today",
    ]
    assert cost_lines(FLOWING, width=16, height=3)[2].startswith("2 stuck")


def test_small_panel_shows_fewer_days_rather_than_no_oldest_job() -> None:
    crowded = replace(
        FLOWING,
        counts={**FLOWING.counts, JobStatus.RUNNING: Count(number=14)},
        days=tuple(days(*range(1, 15))),
        flow=replace(FLOW, stuck=CappedCount(number=14)),
    )
    assert cost_lines(crowded, width=76, height=4)[-1] == (
        "14 stuck   1.2 → 0 → 10 / 0.2 a min   oldest 5 min   92 % success   ▅▅▆▇▇▇█"
    )


def test_wait_of_the_oldest_queued_job_ends_when_the_flow_was_read_and_an_old_flow_is_not_shown() -> None:
    flow = replace(FLOW, oldest_queued_at=NOON - timedelta(seconds=50))
    later = replace(USUAL, flow=flow, taken_at=NOON + timedelta(seconds=74))
    assert "oldest queued 50 s" in cost_lines(later, width=110, height=5)[4]
    shown = "\n".join(cost_lines(replace(FLOWING, taken_at=NOON + timedelta(seconds=76)), width=110, height=5))
    assert "oldest" not in shown
    assert "/min" not in shown
    assert "2 stuck" in shown


@pytest.mark.parametrize(
    ("counted", "of_flow", "precision", "words"),
    [
        (1, 2, Precision.EXACT, "1 stuck"),
        (0, 2, Precision.EXACT, ""),
        (None, 2, Precision.EXACT, "2 stuck"),
        (None, 3, Precision.EXACT, ""),
        (None, 3, Precision.ESTIMATED, "3 stuck"),
    ],
)
def test_stuck_jobs_are_those_of_the_counts_and_never_more_than_run(
    counted: int | None, of_flow: int, precision: Precision, words: str
) -> None:
    totals = replace(
        FLOWING,
        counts={**FLOWING.counts, JobStatus.RUNNING: Count(number=2, precision=precision)},
        stuck=None if counted is None else CappedCount(number=counted),
        flow=replace(FLOW, stuck=CappedCount(number=of_flow)),
    )
    assert stuck(totals) == words


@pytest.mark.parametrize(
    ("entered", "seconds", "words"),
    [(0, 300, "0/min"), (1, 6000, "<0.1/min"), (5, 60, "5.0/min"), (2000, 20, "6,000/min")],
)
def test_flow_is_shown_per_minute(entered: int, seconds: float, words: str) -> None:
    flow = JobFlow(taken_at=NOON, moves=RecentMoves(seconds=seconds, entered={JobStatus.QUEUED: entered}))
    figures = state_figures(replace(USUAL, flow=flow))
    assert (figures[JobStatus.QUEUED].flow, figures[JobStatus.RUNNING].flow) == (words, "–")


BOXES = """
                                                                  ╭ 4 ✓ succeeded ────────╮
╭ 2 ◌ queued ───────────╮        ╭ 3 ▸ running ──────────╮  ╭───→ │ 104  10/min           │
│ 6                     │        │ 2                     │  │     │ $248.75 · $2.39 a job │
│ $12.00 · $2.00 a job  │ ─────→ │ $4.50 · $2.25 a job   │ ─┤     ╰───────────────────────╯
│ 1.2/min               │        │ 0/min                 │  │     ╭ 5 ✗ failed ───────────╮
│ oldest 5 min          │        │ 2 stuck               │  ╰───→ │ 9  0.2/min            │
╰───────────────────────╯        ╰───────────────────────╯        │ $18.00 · $2.00 a job  │
                                                                  ╰───────────────────────╯
Total 121 · $283.25 · $2.34 a job   92 % success (86 % of all jobs succeeded)
"""
CHART = """
Cost by day  ■ succeeded  ■ failed  ■ other
$8 │          ▁▁▁▁
   │          ████
   │          ████
$4 │          ▂▂▂▂
   │          ████
   │          ████
$0 │     ▇▇▇▇ ████
    01   02   03
"""


def test_large_panel_shows_boxes_with_arrows_and_a_chart_of_the_days() -> None:
    lines = cost_lines(FLOWING, width=140, height=9)
    assert [line[:91].rstrip() for line in lines] == BOXES.strip("\n").splitlines()
    assert [line[95:].rstrip() for line in lines] == CHART.strip("\n").splitlines()


def styles_of_bars(totals: Totals) -> set[str]:
    chart = draw_costs(totals, width=140, height=9).canvas
    return {style for line in chart.lines()[1:8] for text, style in line if set(text) & set("▁▂▃▄▅▆▇█")}


def test_bars_are_split_by_outcome_where_it_is_known() -> None:
    succeeded, failed, other = "$text-success", "$text-error", "$text-primary"
    assert styles_of_bars(FLOWING) == {succeeded, f"{failed} on {other}", other}
    assert styles_of_bars(USUAL) == {"$text-accent"}
    assert "other" not in cost_lines(USUAL, width=140, height=9)[0]


def test_narrow_chart_leaves_out_the_first_days() -> None:
    month = replace(USUAL, days=tuple(days(*range(100, 1500, 100))))
    shown = {width: cost_lines(month, width=width, height=9)[-1].split() for width in (112, 115, 126, 128)}
    assert shown[115][-5:] == ["succeeded)", "08", "10", "12", "14"]
    assert shown[126][-8:] == ["succeeded)", "02", "04", "06", "08", "10", "12", "14"]
    assert shown[128][-8:] == ["succeeded)", "01", "03", "05", "07", "09", "11", "13"]
    assert shown[112][-2:] == ["$14.00", "today"]


@given(
    st.dictionaries(st.sampled_from([status.value for status in JobStatus]), st.tuples(st.integers(1, 10**7), amounts)),
    st.integers(45, 200),
    st.integers(2, 9),
)
def test_cost_lines_fill_the_panel_and_none_is_wider(rows: dict[str, tuple[int, int]], width: int, height: int) -> None:
    lines = cost_lines(numbers(days(*[100] * 14), **rows), width=width, height=height)

    assert len(lines) == height
    assert all(len(line) <= width for line in lines)


def partial_totals(counts: Mapping[AnyStatus, Count]) -> Totals:
    return replace(USUAL, counts=counts, statistics=None, days=None, projects=None)


SOME = Count(number=10_000, precision=Precision.CAPPED)

CAPPED = partial_totals({JobStatus.QUEUED: SOME, JobStatus.RUNNING: Count(number=2)})

FILTERED = TotalsQuery(matching=ListQuery())

ESTIMATED = partial_totals(
    {
        status: SOME if status is JobStatus.RUNNING else Count(number=412_000, precision=Precision.ESTIMATED)
        for status in JobStatus
    }
)


def test_unknown_costs_are_not_shown_as_zero() -> None:
    assert cost_lines(CAPPED, width=110, height=4) == [
        "2 ◌ queued ≥ 10,000 ──────→ 3 ▸ running 2 ──────→ 4 ✓ succeeded –    /    5 ✗ failed –         Total ≥ 10,002",
        "–                           –                     –                       –                    –",
        "costs not counted",
        "costs by day not counted",
    ]


PLACE = Position(number=412, is_exact=True, length=Count(number=1_000))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (count_words(None), "–"),
        (count_words(Count(number=0)), "0"),
        (count_words(Count(number=1_234)), "1,234"),
        (count_words(SOME), "≥ 10,000"),
        (count_words(Count(number=412_345, precision=Precision.ESTIMATED)), "~412,000"),
        (count_words(Count(number=12_060, precision=Precision.ESTIMATED)), "~12,100"),
        (count_words(Count(number=998, precision=Precision.ESTIMATED)), "~998"),
        (position_words(PLACE), "412 of 1,000"),
        (position_words(replace(PLACE, number=412_000, is_exact=False)), "≈ 412,000 of 1,000"),
        (position_words(replace(PLACE, length=SOME)), "412 of ≥ 10,000"),
        (
            position_words(replace(PLACE, length=Count(number=10**6, precision=Precision.ESTIMATED))),
            "412 of ~1,000,000",
        ),
        (position_words(replace(PLACE, number=1_412, length=None)), "1,412 …"),
        (position_words(replace(PLACE, number=1_412, is_exact=False, length=None)), "≈ 1,412 …"),
    ],
)
def test_count_and_position_show_their_precision(words: str, text: str) -> None:
    assert words == text


@pytest.mark.parametrize(
    ("numbers", "seconds", "words"),
    [
        (USUAL, 3, "exact · just now · as the operator"),
        (replace(USUAL, actor=ActingUser(id=ADA, email="ada@a.b")), 43.0, "exact · 43 s old · as ada@a.b"),
        (USUAL, 300.0, "exact · stale: 5 min old · as the operator · = counts again"),
        (CAPPED, 3, "≥ counted so far · just now · as the operator · = counts exactly"),
        (ESTIMATED, 3, "~ estimated · just now · as the operator · = counts exactly"),
        (replace(USUAL, days=None), 3, "exact · just now · as the operator · = counts exactly"),
    ],
)
def test_totals_show_their_precision_age_and_actor(numbers: Totals, seconds: float, words: str) -> None:
    assert totals_note(numbers, seconds=seconds, key="=") == words
    if numbers is USUAL:
        may_have_changed = totals_note(USUAL, seconds=4.0, key="=", is_current=False)
        assert may_have_changed == "exact · 4 s old · as the operator"
        in_the_past = totals_note(USUAL, seconds=seconds, key="=", is_past=True)
        assert in_the_past == "exact · at this moment · as the operator"


@pytest.mark.parametrize(
    ("totals", "matching", "precision"),
    [
        (USUAL, Count(number=7), "exact"),
        (USUAL, SOME, "exact · filter ≥ counted so far"),
        (CAPPED, SOME, "≥ counted so far"),
        (USUAL, None, "exact · filter not counted"),
    ],
)
def test_totals_are_complete_if_matching_jobs_are_exact(totals: Totals, matching: Count | None, precision: str) -> None:
    numbers = replace(totals, query=FILTERED, matching=matching)
    rest = "" if precision == "exact" else " · = counts exactly"
    assert totals_note(numbers, seconds=3, key="=") == f"{precision} · just now · as the operator{rest}"
    assert is_whole(numbers) is (precision == "exact")


def test_canvas_cuts_texts_and_styles_outside_it_and_keeps_cells_beside_wide_characters() -> None:
    canvas = Canvas(6, 2)
    assert canvas.write(4, 0, "abc", "bold") == 7
    canvas.write(0, 5, "below")
    canvas.write(-1, 1, "xy")
    assert canvas.lines() == [[("    ", ""), ("ab", "bold")], [("y", "")]]
    canvas = Canvas(6, 1)
    assert canvas.write(0, 0, "漢e\u0301") == 3
    canvas.write(3, 0, "|")
    assert canvas.lines() == [[("漢e\u0301|", "")]]
    canvas = Canvas(4, 1)
    canvas.write(0, 0, "abcd")
    canvas.restyle(Region(2, 0, 9, 3), "bold")
    canvas.restyle(Region(0, 5, 2, 1), "bold")
    assert canvas.lines() == [[("ab", ""), ("cd", "bold")]]


QUEUED, RUNNING, SUCCEEDED, FAILED = JobStatus


def counted(*numbers: int) -> Totals:
    rows = zip(JobStatus, numbers, strict=True)
    statistics = JobStatistics(
        by_status=tuple(
            JobStatistic(status=status, count=number, total_cost_cents=0, avg_cost_cents=0.0) for status, number in rows
        )
    )
    return make_totals(statistics)


BEFORE = counted(5, 4, 3, 2)


@pytest.mark.parametrize(
    ("after", "changed", "moved"),
    [
        (counted(4, 5, 3, 2), {QUEUED, RUNNING}, {RUNNING: 1}),
        (counted(5, 3, 4, 2), {RUNNING, SUCCEEDED}, {SUCCEEDED: 1}),
        (counted(2, 4, 4, 4), {QUEUED, SUCCEEDED, FAILED}, {RUNNING: 3, SUCCEEDED: 1, FAILED: 2}),
        (counted(5, 4, 3, 1), {FAILED}, {}),
    ],
)
def test_changes_count_jobs_moved_to_states(
    after: Totals, changed: set[JobStatus], moved: dict[JobStatus, int]
) -> None:
    assert state_changes(BEFORE, after) == StateChanges(changed=frozenset(changed), moved=moved)


@pytest.mark.parametrize(
    ("after", "new", "moved"),
    [
        (counted(5, 4, 4, 2), 1, {RUNNING: 1, SUCCEEDED: 1}),
        (counted(6, 3, 4, 2), 0, {SUCCEEDED: 1}),
        (counted(9, 5, 41, 9), 0, {}),
        (counted(5, 4, 13, 2), 4, {RUNNING: 4, SUCCEEDED: 4}),
    ],
)
def test_restored_or_imported_job_has_not_moved(after: Totals, new: int, moved: dict[JobStatus, int]) -> None:
    after = replace(after, taken_at=NOON + timedelta(seconds=2))
    created_at = [NOON - timedelta(minutes=1), *[NOON + timedelta(seconds=1)] * new, NOON + timedelta(seconds=3)]
    changes = state_changes(BEFORE, after, created_at=created_at)
    assert changes is not None
    assert changes.moved == moved


LATER = counted(4, 5, 3, 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, LATER),
        (BEFORE, BEFORE),
        (BEFORE, replace(BEFORE, days=None)),
        (BEFORE, replace(LATER, query=TotalsQuery(matching=ListQuery()))),
        (BEFORE, replace(LATER, actor=ActingUser(id=ADA, email="ada@a.b"))),
        (BEFORE, replace(LATER, counts={QUEUED: Count(number=4, precision=Precision.ESTIMATED)})),
        (replace(BEFORE, counts={}), LATER),
    ],
)
def test_only_later_exact_counts_of_the_same_jobs_are_compared(before: Totals | None, after: Totals) -> None:
    assert state_changes(before, after) is None


def drawn_changes(after: Totals, frame: int, *, width: int, height: int) -> str:
    changes = state_changes(BEFORE, after)
    assert changes is not None
    drawing = draw_costs(after, width=width, height=height)
    draw_changes(drawing, changes, frame=frame)
    reversed_texts = [text for line in drawing.canvas.lines() for text, style in line if "reverse" in style]
    assert sorted(reversed_texts) == sorted(str(after.counts[status].number) for status in changes.changed)
    return "\n".join(texts(drawing.canvas.lines()))


@pytest.mark.parametrize(("width", "height"), [(140, 9), (110, 5)])
def test_moved_jobs_travel_along_the_arrow_to_their_state(width: int, height: int) -> None:
    first, last = (
        drawn_changes(counted(2, 4, 4, 4), frame, width=width, height=height).splitlines() for frame in (0, FRAMES)
    )
    rows = range(len(first))
    for words in ("+1", "+2", "+3"):
        (place, end), *more = [(first[y].index(words), last[y].index(words)) for y in rows if words in first[y]]
        assert place < end
        assert not more


def test_moved_jobs_in_columns_touch_no_number() -> None:
    usual = r".*◌.* 2 +─*(\+3─*→?|→) .*▸.* 4 +─*(\+1─*→?|→) .*✓.* 4 +(/ *(\+2 +)?|\+2 +)\d? ?✗.*"
    for width, frame, height in product(range(60, 130, 6), range(FRAMES + 1), (3, 4, 5)):
        shown = drawn_changes(counted(2, 4, 4, 4), frame, width=width, height=height).splitlines()[0]
        assert re.fullmatch(usual, shown), shown
        assert not re.search(r"\d\+|\+\d\d", shown), shown
        assert width < 76 or {"+1", "+2", "+3"} <= set(re.findall(r"\+\d", shown)), shown


@pytest.fixture
async def animated(drive: Drive) -> AsyncIterator[Driver]:
    async with drive() as driver:
        driver.app.animation_level = "full"
        yield driver


def flashing(driver: Driver) -> list[str]:
    """Return the styles of the rows that flash."""
    return [line.style for line in driver.table._lines if line.style in (FLASH, CURSOR_FLASH)]


async def test_changed_job_and_its_states_flash_for_a_moment(animated: Driver, jobs_db: JobsDatabase) -> None:
    panel = animated.app.dashboard.query_one(CostsPanel)
    assert (panel._frames, flashing(animated)) == (None, [])
    jobs_db.set_status(5, "running")
    await animated.press("f5", until=lambda: flashing(animated) == [FLASH])
    await animated.until(lambda: panel._changes is not None and "+1" in animated.costs[0])
    await animated.until(lambda: panel._frames is None and not flashing(animated))
    assert "+1" not in animated.costs[0]
    jobs_db.set_status(1, "running")
    await animated.press("f5", until=lambda: flashing(animated) == [CURSOR_FLASH])

    animated.app.animation_level = "none"
    await animated.until(lambda: panel._frames is None and not flashing(animated))
    jobs_db.set_status(6, "succeeded")
    await animated.refreshes(shows="✓ succeeded 2")
    assert (panel._frames, panel._changes, flashing(animated)) == (None, None, [])
