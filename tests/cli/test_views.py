"""`--view NAME` of `jobs list` and `jobs export`."""

import pytest

from tests.cli.support import Configure, Run, profile
from tests.cli.world import BENS, FAILED, RUNNING

VIEWS = """
[views]
cheap = { filter = "cost:<=100", order = "cost" }
"gone wrong" = "status:failed since:30000d"
"""


class TestListing:
    @pytest.fixture(autouse=True)
    def configured(self, url: str, configure: Configure) -> None:
        configure(profile("world", url, write=True), VIEWS)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--view", "cheap"], [RUNNING, FAILED, BENS]),
            (["--view", "gone wrong"], [FAILED]),
            (["--view", "cheap", "--filter=-status:failed"], [RUNNING, BENS]),
            (["--view", "cheap", "--as", "ada@example.com", "--limit", "1"], [RUNNING]),
        ],
    )
    def test_jobs_list_applies_the_filter_of_a_view(
        self, gjobs: Run, options: list[str], expected: list[object]
    ) -> None:
        listed = gjobs("jobs", "list", *options, "--json")
        assert listed.code == 0
        assert {job["id"] for job in listed.document} == set(map(str, expected))

    def test_jobs_export_applies_the_filter_of_a_view(self, gjobs: Run) -> None:
        exported = gjobs("jobs", "export", "-", "--format", "csv", "--view", "gone wrong")
        assert exported.code == 0
        assert [line.partition(",")[0] for line in exported.out.splitlines()] == ["id", str(FAILED)]


def test_unknown_view_is_reported_before_any_database_is_opened(gjobs: Run, configure: Configure) -> None:
    configure(VIEWS)
    for command in (["list"], ["export", "-", "--format", "csv"]):
        refused = gjobs("jobs", *command, "--view", "chaep", "--database-url", "postgresql://nowhere.invalid")
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == "There is no view 'chaep'.\nDid you mean 'cheap'?\n"
