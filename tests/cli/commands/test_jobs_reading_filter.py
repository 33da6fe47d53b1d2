"""`--filter` and `--view` of `gjobs jobs list` and `export`, and the explanation of mistakes."""

import pytest

from gjobs.store.filters.filter_syntax import parse
from gjobs.store.filters.filter_terms import KEYS, FilterError
from gjobs.tui.text.error_text import marked
from tests.cli.cli_rows import AUTUMN, BENS_JOB, FAILED, NOON, QUEUED, RUNNING, SUCCEEDED, listed_ids, time_of
from tests.cli.command_line import Configure, OpenTerminal, Run, assert_refused, profile

VIEWS = """
[views]
cheap = { filter = "cost:<=100", order = "cost" }
"gone wrong" = "status:failed since:30000d"
"""


class TestFilterOptions:
    @pytest.fixture(autouse=True)
    def configured(self, url: str, configure: Configure) -> None:
        configure(profile("world", url, write=True), VIEWS)

    def test_jobs_list_combines_a_filter_with_other_options(self, gjobs: Run) -> None:
        for options, expected in (
            (["--filter", 'project:"autumn catalog" cost:>50'], [QUEUED, SUCCEEDED]),
            (["--filter=-mode:lifestyle", "--status", "failed"], [FAILED]),
            (["--filter", "asset:none", "--limit", "1", "--after", f"{time_of(3)},{RUNNING}"], [SUCCEEDED]),
            (["--filter", "lifestyle", "--project", "Spring lookbook"], [BENS_JOB]),
            (["--filter", "lifestyle", "--as", "ada@example.com"], [QUEUED]),
            (["--filter", ""], [QUEUED, RUNNING, SUCCEEDED, FAILED, BENS_JOB]),
            (["--view", "cheap"], [RUNNING, FAILED, BENS_JOB]),
            (["--view", "cheap", "--filter=-status:failed", "--limit", "1"], [RUNNING]),
            (["--project", str(AUTUMN), "--limit", "2"], [QUEUED, RUNNING]),
        ):
            assert listed_ids(gjobs, "jobs", "list", *options) == expected, options

    def test_jobs_export_applies_the_filter_of_a_view(self, gjobs: Run) -> None:
        exported = gjobs("jobs", "export", "-", "--format", "csv", "--view", "gone wrong")
        assert exported.code == 0
        assert [line.partition(",")[0] for line in exported.out.splitlines()] == ["id", str(FAILED)]


def test_filter_mistake_is_marked_before_any_database_is_opened(gjobs: Run) -> None:
    nowhere = ("--database-url", "postgresql://nowhere.invalid")
    listed = gjobs("jobs", "list", "--filter", "cost:>50 status:faled", *nowhere)
    assert_refused(listed, 2)
    assert listed.err == (
        "cost:>50 status:faled\n                ^^^^^\nUnknown status 'faled'.\n"
        'Did you mean failed? If your app has the status faled, quote it: "faled".\n'
    )


def error_of(text: str) -> FilterError:
    with pytest.raises(FilterError) as caught:
        parse(text, now=NOON)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status:", "status:\n       ^"),
        ("秋 cost:x", "秋 cost:x\n        ^"),
        ("a\x1b[2Jb:c", "a␛[2Jb:c\n^^^^^^"),
        (
            f"{'word ' * 30}cost:x {'word ' * 30}",
            "…ord word word word word cost:x word word word w…\n                              ^",
        ),
    ],
)
def test_mark_is_placed_below_the_filter_mistake(text: str, expected: str) -> None:
    assert marked(error_of(text)) == expected


def test_jobs_list_help_describes_every_filter_key(gjobs: Run) -> None:
    listed = gjobs("jobs", "list", "--help").out
    assert all(key.example in listed and key.words in listed for key in KEYS.values())


@pytest.mark.usefixtures("url")
def test_filter_error_escapes_typed_control_characters(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal("jobs", "list", "--filter", "cost:\x1b[2J", environment={"NO_COLOR": "1"})
    assert terminal.finish() == 2
    assert "\x1b" not in terminal.screen


def test_unknown_view_is_reported_before_any_database_is_opened(gjobs: Run, configure: Configure) -> None:
    configure(VIEWS)
    for command in (["list"], ["export", "-", "--format", "csv"]):
        refused = gjobs("jobs", *command, "--view", "chaep", "--database-url", "postgresql://nowhere.invalid")
        assert_refused(refused, 2, "There is no view 'chaep'.\nDid you mean 'cheap'?\n")
