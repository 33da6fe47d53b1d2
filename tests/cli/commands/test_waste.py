"""`gjobs stats --waste`."""

import pytest

from gjobs.store.error_groups.error_group import error_group_id
from tests.cli.cli_rows import ADA, AUTUMN, SUCCEEDED
from tests.cli.command_line import Run, Sql

pytestmark = pytest.mark.usefixtures("url")

WASTE = {"failed_count": 1, "failed_cents": 18, "retry_count": 1, "retry_cents": 250, "waste_cents": 268}
BOUNDS = {"has_more": False, "knows_retries": True, "days": None, "exact": True, "read_limit": None}


def test_stats_waste_shows_failed_jobs_and_retries_by_each_key(gjobs: Run, sql: Sql) -> None:
    sql("update generation_jobs set retry_count = 1 where id = %s", SUCCEEDED)
    total = {**WASTE, "all_cents": 618, "share": 268 / 618}
    failed = {**WASTE, "retry_count": 0, "retry_cents": 0, "waste_cents": 18}
    retried = {**WASTE, "failed_count": 0, "failed_cents": 0, "waste_cents": 250}

    assert gjobs("stats", "--waste", "--json").document == {
        "by": "mode",
        "rows": [
            {"mode": "main_white", **retried, "all_cents": 250, "share": 1.0},
            {"mode": "feature_callout", **failed, "all_cents": 18, "share": 1.0},
        ],
        "total": total,
        **BOUNDS,
    }
    by_group = gjobs("stats", "--waste", "--by", "group", "--json").document
    group = {"group": error_group_id("API timeout"), "fingerprint": "API timeout"}
    assert by_group["rows"] == [
        {"group": "", "fingerprint": None, **retried, "all_cents": None, "share": None},
        {**group, **failed, "all_cents": None, "share": None},
    ]
    assert by_group["total"] == total
    for key, value, label, name in (
        ("project", AUTUMN, "name", "Autumn catalog"),
        ("user", ADA, "email", "ada@example.com"),
    ):
        assert gjobs("stats", "--waste", "--by", key, "--json").document["rows"] == [
            {key: str(value), label: name, **WASTE, "all_cents": 518, "share": 268 / 518}
        ]
    assert gjobs("stats", "--waste", "--by", "day", "--json").document["days"] == 30

    def lines(*arguments: str) -> list[str]:
        return gjobs("stats", "--waste", *arguments).out.splitlines()

    cells = ["1", "$0.18", "1", "$2.50", "$2.68", "$5.18", "52", "%"]
    assert lines("--by", "project")[1].split() == ["Autumn", "catalog", *cells]
    assert lines("--by", "user", "--project", "Autumn catalog")[1].split() == ["ada@example.com", *cells]
    assert lines("--by", "group")[1].split()[:3] == ["(retries)", "0", "$0.00"]
    assert lines("--by", "group")[2].startswith(f"{group['group']} API timeout")
    assert lines()[-1].split() == ["total", "1", "$0.18", "1", "$2.50", "$2.68", "$6.18", "43", "%"]


def test_stats_waste_refuses_options_that_do_not_apply(gjobs: Run) -> None:
    for arguments, sentence in (
        (("--waste", "--archive"), "--waste can't be combined with --archive or --window."),
        (("--waste", "--by", "mode", "--window", "7d"), "--waste can't be combined with --archive or --window."),
        (("--by", "group"), "--by group needs --waste."),
    ):
        refused = gjobs("stats", *arguments)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.startswith(sentence)
