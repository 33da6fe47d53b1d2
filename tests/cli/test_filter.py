"""`gjobs jobs list --filter`, and what is said about a filter that is none."""

import pytest
from hypothesis import given
from rich.cells import cell_len

from store.filters.filter_terms import KEYS
from store.filters.filter_text import parse
from store.filters.job_filter import FilterError
from tests.cli.support import OpenTerminal, Run
from tests.cli.world import ADA, BENS, FAILED, NOON, QUEUED, RUNNING, SUCCEEDED, time_of
from tests.store.filters.strategies import typed
from tui.text.error_text import marked


@pytest.mark.usefixtures("url")
class TestListing:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--filter", "status:failed,running"], [RUNNING, FAILED]),
            (["--filter", "cost:$1.. -status:succeeded"], [QUEUED, BENS]),
            (["--filter", 'project:"autumn catalog" cost:>50'], [QUEUED, SUCCEEDED]),
            (["--filter", "user:BEN@example.com"], [BENS]),
            (["--filter", "TIMEOUT"], [FAILED]),
            (["--filter", f"id:{RUNNING}"], [RUNNING]),
            (["--filter=-mode:lifestyle"], [RUNNING, SUCCEEDED, FAILED]),
            (["--filter", f"since:{time_of(3)} until:{time_of(4)}"], [RUNNING]),
            (["--filter", "lifestyle", "--project", "Spring lookbook"], [BENS]),
            (["--filter", "lifestyle", "--status", "failed"], []),
            (["--filter", "asset:none", "--limit", "1", "--after", f"{time_of(3)},{RUNNING}"], [SUCCEEDED]),
            (["--filter", "lifestyle", "--as", "ada@example.com"], [QUEUED]),
            (["--filter", f"user:{ADA} project:spring"], []),
            (["--filter", ""], [QUEUED, RUNNING, SUCCEEDED, FAILED, BENS]),
        ],
    )
    def test_jobs_list_combines_a_filter_with_other_options(
        self, gjobs: Run, options: list[str], expected: list[object]
    ) -> None:
        listed = gjobs("jobs", "list", *options, "--json")
        assert (listed.code, listed.err) == (0, "")
        assert [job["id"] for job in listed.document] == list(map(str, expected))

    def test_jobs_list_as_a_user_refuses_user_names_in_a_filter(self, gjobs: Run) -> None:
        listed = gjobs("jobs", "list", "--filter", "user:ben@example.com", "--as", "ada@example.com")
        assert (listed.code, listed.out) == (6, "")
        assert listed.err == (
            "user: takes no name here. Only the operator may read the users.\n"
            "Give the user's id, or its first digits, instead.\n"
        )


def test_filter_mistake_is_marked_before_any_database_is_opened(gjobs: Run) -> None:
    listed = gjobs(
        "jobs", "list", "--filter", "cost:>50 status:faled", "--database-url", "postgresql://nowhere.invalid"
    )
    assert (listed.code, listed.out) == (2, "")
    assert listed.err == (
        "cost:>50 status:faled\n                ^^^^^\n'faled' is no status.\n"
        'Did you mean failed? A status that only your app has can be quoted: "faled".\n'
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


@given(typed)
def test_marked_filter_is_printable_and_fits_the_terminal(text: str) -> None:
    try:
        parse(text * 30, now=NOON)
    except FilterError as error:
        caught = error
    else:
        return
    lines = marked(caught).split("\n")
    assert len(lines) == 2
    assert all(line.isprintable() and cell_len(line) < 80 for line in lines)


def test_jobs_list_help_describes_every_filter_key(gjobs: Run) -> None:
    listed = gjobs("jobs", "list", "--help").out
    assert all(key.example in listed and key.words in listed for key in KEYS.values())


@pytest.mark.usefixtures("url")
def test_filter_error_escapes_typed_control_characters(open_terminal: OpenTerminal) -> None:
    terminal = open_terminal("jobs", "list", "--filter", "cost:\x1b[2J", environment={"NO_COLOR": "1"})
    assert terminal.finish() == 2
    assert "\x1b" not in terminal.screen
