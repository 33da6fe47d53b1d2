"""What is said to help a list that took too long."""

import pytest

from store.filters.filter_text import parse
from store.job_list.index_advice import IndexAdvice
from store.job_list.list_query import ListQuery
from tests.store.support import NOTHING, NOW
from tui.error_help import speedup_hint

INDEX = IndexAdvice(columns="status, created_at DESC, id DESC", sql="CREATE INDEX CONCURRENTLY x ON y (z);")

READS = "No index finds a text within another, or a duration: each job has to be read."


@pytest.mark.parametrize(
    ("text", "of_project", "lacking", "words"),
    [
        ("mode:lifestyle", False, None, "Narrow it: add since:7d or project:NAME."),
        ("-since:7d", True, None, "Narrow it: add since:7d."),
        ("error:timeout project:Autumn", False, None, f"Narrow it: add since:7d. {READS}"),
        (
            "status:failed since:24h",
            True,
            INDEX,
            "An index would read it in its order: CREATE INDEX CONCURRENTLY x ON y (z);",
        ),
        ("since:24h", True, None, "Try again when the server is less busy."),
    ],
)
def test_speedup_hint_matches_the_filter(text: str, of_project: bool, lacking: IndexAdvice | None, words: str) -> None:
    listed = ListQuery(project_id=NOTHING if of_project else None, job_filter=parse(text, now=NOW))
    assert speedup_hint(listed, lacking) == words
