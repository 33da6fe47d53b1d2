"""Properties and methods of the store's value classes."""

import ast
import pickle
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.capabilities.capability import PolicyCommand
from gjobs.store.capabilities.claim_sql import POLICIES
from gjobs.store.jobs import job
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import Page
from gjobs.store.statistics.statistics import JobStatistic, JobStatistics

STORE = Path(job.__file__).parents[1]
Counts = dict[JobStatus, tuple[int, int]]

counts = st.dictionaries(
    st.sampled_from(JobStatus), st.tuples(st.integers(1, 10_000), st.integers(-(10**6), 10**9)), max_size=4
)


def statistics_of(by_status: Counts) -> JobStatistics:
    return JobStatistics(
        by_status=tuple(
            JobStatistic(status=status, count=count, total_cost_cents=cost, avg_cost_cents=round(cost / count, 2))
            for status, (count, cost) in by_status.items()
        )
    )


CLOSED_SETS = {
    "gjobs.store.schema.schema_diff": {"ObjectKind"},
    "gjobs.store.journal.journal": {"WriteOutcome"},
    "gjobs.store.configuration.saved_views": {"OrderColumn"},
    "gjobs.store.filters.filter_completion": {"Key"},
    "gjobs.store.filters.filter_syntax": {"Key"},
    "gjobs.store.capabilities.probe": {"RelationKind"},
    "gjobs.store.doctor.sql_checks": {"Severity"},
    "gjobs.store.job_store": {"JobStatus"},
    "gjobs.store.store": {"Period"},
}
"""Modules that refuse values outside an enumeration: from our own SQL, from our own file, or from a person."""


CALLERS = {"row_maker", "check_member"}
"""Functions that call their arguments with a value."""


def test_no_reader_of_the_database_takes_an_enumeration_for_a_closed_set() -> None:
    """A newer program, the app or a newer Postgres adds values; `known_or_text` keeps them as they are."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in STORE.rglob("*.py")}
    enumerations = {
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "StrEnum" for base in node.bases)
    }
    assert {"JobStatus", "EventKind", "PolicyCommand", "RetentionAction", "Period"} <= enumerations
    found: dict[str, set[str]] = {}
    for path, tree in trees.items():
        module = ".".join(path.relative_to(STORE.parents[1]).with_suffix("").parts)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                makes = [*node.args, *(one.value for one in node.keywords)] if node.func.id in CALLERS else []
                called = {one.id for one in (node.func, *makes) if isinstance(one, ast.Name)} & enumerations
                if called:
                    found.setdefault(module, set()).update(called)
    assert found == CLOSED_SETS


def test_policy_with_an_unknown_command_is_read() -> None:
    row = ("generation_jobs", "merging", "merging", True, "MERGE", ["authenticated"], True, "true", None)
    policy = POLICIES.make(row)
    assert policy.command == "MERGE"
    assert policy.command not in set(PolicyCommand)


@given(counts)
def test_totals_and_success_rates_are_computed_from_all_statuses(by_status: Counts) -> None:
    whole = statistics_of(by_status)
    assert whole.total_count == sum(count for count, _ in by_status.values())
    assert whole.total_cost_cents == sum(cost for _, cost in by_status.values())
    for status in JobStatus:
        assert (whole.count(status), whole.cost_cents(status)) == by_status.get(status, (0, 0))
    assert tuple(whole) == whole.by_status

    succeeded, failed = whole.count(JobStatus.SUCCEEDED), whole.count(JobStatus.FAILED)
    if whole.total_count:
        assert whole.success_rate == succeeded / whole.total_count
        assert whole.avg_cost_cents == round(whole.total_cost_cents / whole.total_count, 2)
    else:
        assert whole.success_rate is whole.avg_cost_cents is None
    if succeeded + failed:
        assert whole.success_rate_finished == succeeded / (succeeded + failed)
    else:
        assert whole.success_rate_finished is None


def test_page_behaves_like_its_items() -> None:
    page = Page(items=("a", "b"), next_key=None)
    assert (list(page), len(page), "a" in page) == (["a", "b"], 2, True)
    assert pickle.loads(pickle.dumps(page)) == page  # noqa: S301
