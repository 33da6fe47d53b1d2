"""Completions of a typed filter. A bar marks the cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.filters.filter_completion import CompletionValues, complete
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.filters.filter_terms import KEYS, Key
from tests.store.filters.filter_strategies import NOW, texts, typed

KNOWN = CompletionValues(
    projects=("Autumn catalog", "Spring", "Late autumn"),
    users=("ana@example.com", "ben@example.com"),
    error_groups={"3b1a4064e8": "API timeout", "618cfa0453": "Asset # not found"},
)


def offered(marked: str, known: CompletionValues = KNOWN) -> list[str]:
    """Return the whole text after each completion, with its cursor."""
    text, cursor = marked.replace("|", "", 1), marked.index("|")
    completed = [completion.applied(text) for completion in complete(text, cursor, known)]
    return [f"{after[:position]}|{after[position:]}" for after, position in completed]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sta|", ["status:|"]),
        ("STA|", ["status:|"]),
        ("-mo|", ["-mode:|"]),
        ("timeout u|", ["timeout user:|", "timeout until:|"]),
        ("s|ta", ["status:|", "since:|"]),
        ("st|:failed", ["status:|failed"]),
        ("zzz|", []),
        ("fai|", ["status:failed|"]),
        ("Failed|", ["status:failed|"]),
        ("timeout -run|", ["timeout -status:running|"]),
        ("stuc|", ["is:stuck|"]),
        ("-Stuck|", ["-is:stuck|"]),
        ("fa|", []),
        ("failedx|", []),
        ('"sta|', []),
        ("mode,sta|", []),
        ("status:f|", ["status:failed|"]),
        ("status:failed,|", ["status:failed,queued|", "status:failed,running|", "status:failed,succeeded|"]),
        ("status:qu|ing cost:>5", ["status:queued| cost:>5"]),
        ("status:failed|", []),
        ("mode:LIFE|", ["mode:lifestyle|"]),
        ("asset:|", ["asset:none|", "asset:any|"]),
        ("-is:|", ["-is:stuck|"]),
        ("since:|", ["since:1h|", "since:24h|", "since:7d|"]),
        ("project:au|", ['project:"Autumn catalog"|', 'project:"Late autumn"|']),
        ('project:"aut|', ['project:"Autumn catalog"|', 'project:"Late autumn"|']),
        ('project:"aut|" x', ['project:"Autumn catalog"| x', 'project:"Late autumn"| x']),
        ('project:"Autumn catalog",sp|', ['project:"Autumn catalog",Spring|']),
        ("-user:ben|", ["-user:ben@example.com|"]),
        ("cost:|", []),
        ("cost:>3|", ["cost:>$0.03|"]),
        ("cost:50..123456|", ["cost:$0.50..$1234.56|"]),
        ("cost:>$3|", []),
        ("cost:3.5|", []),
        ("colour:r|", []),
        ("error:time|", []),
        ("error-|", ["error-group:|"]),
        ("error-group:|", ["error-group:3b1a4064e8|", "error-group:618cfa0453|"]),
        ("error-group:3b1a4064e8,6|", ["error-group:3b1a4064e8,618cfa0453|"]),
        ("error-group:TIME|", ["error-group:3b1a4064e8|"]),
    ],
)
def test_completions_continue_the_typed_text(text: str, expected: list[str]) -> None:
    assert offered(text) == expected


def test_every_key_is_offered_and_a_name_is_quoted_where_it_needs_quotes() -> None:
    for text in ("", "cost:>50 "):
        completions = complete(text, len(text), CompletionValues())
        assert [(one.replacement, one.words) for one in completions] == [
            (f"{key}:", words.words) for key, words in KEYS.items()
        ]

    assert offered("project:|", CompletionValues(projects=('5" prints, A4\\A3',))) == [r'project:"5\" prints, A4\\A3"|']
    assert offered(r'project:"5\" p|', CompletionValues(projects=('5" prints',))) == [r'project:"5\" prints"|']


@given(typed, st.integers(-3, 40), st.lists(texts, max_size=3))
def test_completions_of_any_text_stay_within_the_text(text: str, cursor: int, names: list[str]) -> None:
    known = CompletionValues(modes=tuple(names), projects=tuple(names), users=tuple(names))
    for completion in complete(text, cursor, known):
        assert 0 <= completion.start <= completion.end <= len(text)
        assert completion.start <= max(0, min(cursor, len(text))) <= completion.end


@given(st.sampled_from([Key.PROJECT, Key.USER, Key.MODE]), texts, st.integers(0, 8))
def test_completed_text_parses_to_the_offered_value(key: Key, name: str, kept: int) -> None:
    known = CompletionValues(modes=(name,), projects=(name,), users=(name,))
    for start in (f"{key}:", f'-{key}:"', f"{key}:other,"):
        line = f"since:24h {start}"
        for completion in complete(line, len(line), known):
            after, cursor = completion.applied(line)
            assert cursor == len(after)
            assert parse(after, now=NOW).terms[-1].values[-1] == name
