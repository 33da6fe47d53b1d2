"""Typed text is parsed to a filter, printed again, and completed."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.filters.filter_syntax import (
    MOST_CHARACTERS,
    MOST_VALUES,
    CompletionValues,
    complete,
    format_filter,
    parse,
    quoted,
)
from gjobs.store.filters.filter_terms import (
    KEYS,
    NO_FILTER,
    Age,
    Between,
    Compared,
    Comparison,
    FilterError,
    JobFilter,
    Key,
    Term,
    Value,
)
from tests.store.filters.filter_strategies import NOW, filters, texts, typed


def only(text: str) -> Term:
    (term,) = parse(text, now=NOW).terms
    return term


def wrong(text: str) -> FilterError:
    with pytest.raises(FilterError) as caught:
        parse(text, now=NOW)
    return caught.value


def test_parse_reads_every_kind_of_term_and_blank_text_as_no_filter() -> None:
    found = parse(
        'status:failed,running cost:>50 project:"Autumn catalog" asset:none since:24h -mode:packaging timeout', now=NOW
    )
    assert found == JobFilter(
        terms=(
            Term(key=Key.STATUS, values=("failed", "running")),
            Term(key=Key.COST, values=(Compared(comparison=Comparison.MORE, amount=50),)),
            Term(key=Key.PROJECT, values=("Autumn catalog",)),
            Term(key=Key.ASSET, values=("none",)),
            Term(key=Key.SINCE, values=(NOW - timedelta(days=1),)),
            Term(key=Key.MODE, values=("packaging",), is_negated=True),
            Term(key=None, values=("timeout",)),
        )
    )

    assert parse("", now=NOW) == parse(" \t\n\u3000 ", now=NOW) == NO_FILTER
    assert not NO_FILTER


def compared(comparison: str, amount: int) -> Compared:
    return Compared(comparison=Comparison(comparison), amount=amount)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cost:50", compared("=", 50)),
        ("cost:=50", compared("=", 50)),
        ("cost:$0.50", compared("=", 50)),
        ("cost:$1", compared("=", 100)),
        ("cost:>=$1.5", compared(">=", 150)),
        ("cost:<-5", compared("<", -5)),
        ("cost:-$0.05", compared("=", -5)),
        ("cost:1..10", Between(low=1, high=10)),
        ("cost:$1..$2.50", Between(low=100, high=250)),
        ("cost:1..", compared(">=", 1)),
        ("cost:..10", compared("<=", 10)),
        ("took:>5m", compared(">", 300)),
        ("took:<=1h30m", compared("<=", 5_400)),
        ("took:90s..1w", Between(low=90, high=604_800)),
        ("asset:NONE", "none"),
        ("asset:3F2A", "3f2a"),
        ("id:3f2a9c1e-8d47", "3f2a9c1e-8d47"),
        ("error-group:3F2A9C1E8D", "3f2a9c1e8d"),
        ("is:Stuck", "stuck"),
        ("STATUS:Failed", "failed"),
        ('mode:"a, \\"b\\" \\\\ \\n\\t"', 'a, "b" \\ \n\t'),
        ("mode:a\\n", "a\\n"),
        ("mode:50%_", "50%_"),
        ("user:ana@example.com", "ana@example.com"),
        ('"status:failed"', "status:failed"),
        ('-"-x"', "-x"),
    ],
)
def test_parse_reads_every_kind_of_value(text: str, value: Value) -> None:
    assert only(text).values == (value,)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("2w", NOW - timedelta(weeks=2)),
        ("1d12h", NOW - timedelta(hours=36)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T12:30", datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
        ("2026-11-01T12:30Z", datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
        ("2026-11-01T12:30+02:00", datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        ('"2026-11-01 12:30:00.000001"', datetime(2026, 11, 1, 12, 30, 0, 1, tzinfo=UTC)),
    ],
)
def test_times_are_utc_unless_they_have_a_zone(text: str, time: datetime) -> None:
    for key in ("since", "until"):
        assert only(f"{key}:{text}").values == (time,)


@pytest.mark.parametrize(
    ("text", "marked", "sentence", "suggestion"),
    [
        ("cost:>50 statsu:failed", "statsu", "Unknown key 'statsu'.", "status"),
        ("colour:red", "colour", "Unknown key 'colour'.", None),
        (":red", "", "There is no key before this colon.", None),
        ("status:", "", "status: needs a value.", None),
        ("status: failed", "", "status: needs a value.", None),
        ("status:failed,", "", "There is nothing after this comma.", None),
        ("status:failed, running", "", "There is nothing after this comma.", None),
        (",a", "", "There is nothing before this comma.", None),
        ('mode:""', '""', "There is nothing between the quotes.", None),
        ('mode:"life style', '"life style', "This quote is not closed.", '"life style"'),
        ('mode:"a\\', "\\", "This backslash has nothing after it.", None),
        ('mode:"a\\x"', "\\x", "Inside quotes, only a quote, a backslash, n or t may follow a backslash.", "\\\\x"),
        ('mode:li"fe"', '"', "There is a quote in the middle of a word.", None),
        ('mode:"life"style', "s", "A closing quote needs a space or a comma after it.", None),
        ("a - b", "-", "A minus needs a term right after it, without a space.", None),
        ("cost:1.50", "1.50", "'1.50' is not an amount.", "$1.50"),
        ("cost:>1.50", ">1.50", "'1.50' is not an amount.", ">$1.50"),
        ("cost:high", "high", "'high' is not an amount.", None),
        ("cost:$1.505", "$1.505", "'$1.505' is not an amount.", None),
        ("cost:10..1", "10..1", "This range ends before it starts.", "1..10"),
        ("cost:..", "..", "A range needs at least one end.", None),
        ("cost:2147483648", "2147483648", "No job can cost that.", None),
        ("took:5m", "5m", "No job takes exactly that long. Use > or <, such as took:>5m.", ">5m"),
        ("took:>5", ">5", "'5' is not a duration.", None),
        ("took:>99999w", ">99999w", "That is too long.", None),
        ("is:slow", "slow", "Unknown state 'slow'.", "stuck"),
        ("since:yesterday", "yesterday", "'yesterday' is not a time.", None),
        ("since:24h,7d", "7d", "since takes only one value.", None),
        ("since:2026-02-30", "2026-02-30", "'2026-02-30' is not a time.", None),
        ("id:3f2", "3f2", "'3f2' is not the start of an id.", None),
        ("error-group:3f2a", "3f2a", "'3f2a' is not the id of an error group.", None),
        ("asset:shoe", "shoe", "'shoe' is not the start of an id.", None),
        ("mode:a\0b", "\0", "The database can't store this character.", None),
        ("\ud83d", "\ud83d", "The database can't store this character.", None),
    ],
)
def test_filter_error_has_a_place_and_a_fix(text: str, marked: str, sentence: str, suggestion: str | None) -> None:
    error = wrong(text)
    assert text[error.start : error.end] == marked
    assert (str(error), error.suggestion, error.text, error.field) == (sentence, suggestion, text, "filter")
    if suggestion is not None:
        assert error.hint == f"Did you mean {suggestion}?"
        parse(text[: error.start] + suggestion + text[error.end :], now=NOW)


def test_misspelled_status_or_key_gets_a_suggestion_or_all_keys() -> None:
    error = wrong("status:running,faled")
    assert ("status:running,faled"[error.start : error.end], error.suggestion) == ("faled", "failed")
    assert error.hint == 'Did you mean failed? If your app has the status faled, quote it: "faled".'
    assert only('status:"faled"').values == ("faled",)
    assert only("status:zzz,FAILED").values == ("zzz", "failed"), "resembles no status of the workflow"

    assert wrong("colour:red").hint == (
        "The keys are status, mode, cost, project, user, asset, since, until, took, error, error-group, id, is."
        " To search for text with a colon, quote it."
    )


def test_filter_length_and_number_of_values_are_limited() -> None:
    parse("x" * MOST_CHARACTERS, now=NOW)
    assert wrong("x" * (MOST_CHARACTERS + 3)).start == MOST_CHARACTERS
    values = ",".join("x" * (MOST_VALUES - 1))
    parse(f"y {values}", now=NOW)
    error = wrong(f"y {values} z")
    assert (error.start, error.end) == (len(values) + 3, len(values) + 4)


def test_age_stays_relative_without_a_time_and_may_not_reach_before_year_one() -> None:
    (term,) = parse("since:1d12h").terms
    assert term.values == (Age(seconds=129_600),)
    assert format_filter(parse("since:36h -until:2w")) == "since:1d12h -until:2w"

    with pytest.raises(FilterError, match="is not a time"):
        parse("since:10d", now=datetime(1, 1, 5, tzinfo=UTC))


@given(typed)
def test_any_text_parses_or_raises_an_error_within_the_text(text: str) -> None:
    error = None
    try:
        parse(text, now=NOW)
    except FilterError as caught:
        error = caught
    if error is not None:
        assert 0 <= error.start <= error.end <= len(text)
        assert str(error).endswith(".")
        assert error.text == text


@given(filters)
def test_printed_filter_parses_to_the_same_filter(job_filter: JobFilter) -> None:
    assert parse(format_filter(job_filter)) == job_filter


@given(texts)
def test_quoted_text_stays_on_one_line_and_parses_back(text: str) -> None:
    for is_value, start in ((True, "mode:"), (False, "")):
        line = f"{start}{quoted(text, is_value=is_value)}"
        assert only(line).values == (text,)
        assert not re.search(r"[\n\t]", line)


def test_printed_filter_omits_unneeded_quotes_and_has_costs_in_dollars() -> None:
    assert format_filter(parse('mode:"lifestyle" "timeout"', now=NOW)) == "mode:lifestyle timeout"
    assert format_filter(parse("since:24h took:>5400s", now=NOW)) == "since:2026-01-14T12:00:00Z took:>1h30m"

    for text, printed in (
        ("cost:>$4", "cost:>$4.00"),
        ("cost:>400", "cost:>$4.00"),
        ("-cost:5,=123456", "-cost:$0.05,$1234.56"),
        ("cost:<-5", "cost:<-$0.05"),
        ("cost:-$0.05..$2.5", "cost:-$0.05..$2.50"),
    ):
        assert format_filter(parse(text)) == printed
        assert parse(printed) == parse(text)


def test_example_of_every_key_can_be_parsed() -> None:
    assert list(KEYS) == list(Key)
    for key, described in KEYS.items():
        assert {term.key for term in parse(described.example, now=NOW).terms} == {key}
        for usual in described.usual:
            parse(f"{key}:{usual}", now=NOW)


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
