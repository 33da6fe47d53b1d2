"""Formats of values, clean text, and time zones."""

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from gjobs.store.jobs.job import TRACEBACK
from gjobs.store.values.formats import FarTime, money
from gjobs.tui.text.clean_text import MOST_MARKS, clean, clean_block, clean_cell, pad, shorten
from gjobs.tui.text.format import (
    ZoneChoice,
    age,
    chosen_zone,
    count,
    duration,
    elapsed,
    error_pretty,
    error_summary,
    json_beginning,
    local_time,
    percent,
    short_id,
    spark,
    utc_time,
    zone_after,
    zones,
)
from tests.tui.sample_jobs import NOON

FIRST = datetime.min.replace(tzinfo=UTC)

LAST = datetime.max.replace(tzinfo=UTC)


def age_of(seconds: float) -> str:
    return age(NOON - timedelta(seconds=seconds), NOON)


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        (money, {0: "$0.00", 2: "$0.02", -2: "-$0.02", 250: "$2.50", 123_450: "$1,234.50", -123_456: "-$1,234.56"}),
        (count, {1234: "1,234"}),
        (short_id, {UUID("ea7b5bf5-0000-4000-8000-000000000000"): "ea7b5bf5"}),
        (percent, {None: "-", 0: "0 %", 0.001: "<1 %", 0.5: "50 %", 0.92: "92 %", 0.999: ">99 %", 1: "100 %"}),
        (age_of, {0.9: "now", 1: "1 s ago", 27.9: "27 s ago", 59: "59 s ago", -0.5: "now", -12: "in 12 s"}),
        (age_of, {60: "1 min ago", 3599: "59 min ago", 3600: "1 h ago", -200: "in 3 min"}),
        (age_of, {86_399: "23 h ago", 86_400: "1 d ago", 40_000_000: "462 d ago"}),
        (duration, {0: "0.0 s", 0.0124: "<0.1 s", 1.42: "1.4 s", 9.96: "9.9 s", -0.5: "-0.5 s", 41: "41 s"}),
        (duration, {185: "3 min 05 s", 7800: "2 h 10 min", 3 * 86_400 + 4 * 3600: "3 d 04 h", -16: "-16 s"}),
        (elapsed, {0: "0 s", 0.0124: "0 s", 1.42: "1 s", 9.96: "9 s", -0.5: "0 s", 41: "41 s"}),
        (elapsed, {185: "3 min", 7800: "2 h 10 min", 3 * 86_400 + 4 * 3600: "3 d 04 h", -16: "0 s"}),
        (spark, {(): "", (0, 0): "▁▁", (0, 1, 50, 100): "▁▂▅█", (-3, 7): "▁█", (5, 5): "██"}),
    ],
)
def test_value_is_shown_in_its_form(form: Callable[[Any], str], texts: dict[object, str]) -> None:
    assert {value: form(value) for value in texts} == texts


@given(st.integers())
def test_money_keeps_every_cent(cents: int) -> None:
    assert int(money(cents).translate({ord(mark): None for mark in "$,."})) == cents


@given(st.integers(10**6, 3600 * 10**6 - 1).map(lambda microseconds: timedelta(microseconds=microseconds)))
def test_age_and_time_so_far_are_the_same_number_and_a_duration_begins_with_it(time: timedelta) -> None:
    shown = age(NOON - time, NOON).removesuffix(" ago")
    assert elapsed(time.total_seconds()) == shown
    assert duration(time.total_seconds()).startswith(shown.removesuffix(" s"))


def test_utc_time_names_its_zone_and_local_time_does_not() -> None:
    moment = datetime(2026, 11, 24, 15, 5, 26, 999_999, tzinfo=UTC)

    assert utc_time(moment) == "2026-11-24 15:05:26 UTC"
    assert local_time(moment, timezone(timedelta(hours=-8))) == "2026-11-24 07:05:26"
    assert local_time(moment) == moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert age(FIRST, NOON) == "1 AD"
    assert (local_time(FIRST, KIRITIMATI), utc_time(FIRST)) == ("0001-01-01 14:00:00", "0001-01-01 00:00:00 UTC")


KIRITIMATI = timezone(timedelta(hours=14))


@pytest.mark.parametrize(
    ("moment", "year", "shown"),
    [
        (FarTime.of("infinity"), "infinity", "infinity"),
        (FarTime.of("-infinity"), "-infinity", "-infinity"),
        (FarTime.of("294276-12-31T23:59:59.999999Z"), "294276 AD", "294276-12-31 23:59:59 UTC"),
        (FarTime.of("0044-03-15T12:00:00.000000Z BC"), "44 BC", "0044-03-15 12:00:00 BC UTC"),
        (FarTime.of("0001-12-31T23:59:59.000000Z BC"), "1 BC", "0001-12-31 23:59:59 BC UTC"),
        (LAST, "9999 AD", "9999-12-31 23:59:59 UTC"),
    ],
)
def test_times_that_python_cannot_convert_are_shown_in_utc(moment: datetime, year: str, shown: str) -> None:
    assert age(moment, NOON) == year
    assert (local_time(moment, KIRITIMATI), utc_time(moment)) == (shown, shown)


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_spark_uses_the_lowest_bar_only_for_zero(values: list[int]) -> None:
    assert [bar == "▁" for bar in spark(values)] == [value == 0 for value in values]


_STACK = 'Traceback (most recent call last):\n  File "/app/worker.py", line 7, in run\n    call()\n    ^^^^^^\n'
_CAUSE = f"{_STACK}KeyError: 'model'\n\nDuring handling of the above exception, another exception occurred:\n\n"


@pytest.mark.parametrize(
    ("error", "summary"),
    [
        (None, ""),
        ("\n  first\nsecond", "first …"),
        (json.dumps({"message": "API timeout", "stack": "…", "mode": "packaging"}), "API timeout"),
        (json.dumps({"message": "two\nlines"}), "two …"),
        (json.dumps({"error": {"code": 429, "message": "Rate limit"}, "status": 429}), "Rate limit"),
        (json.dumps({"code": "E_TIMEOUT", "detail": "upstream timed out"}, indent=2), "upstream timed out"),
        (json.dumps([{"message": "first"}, {"message": "second"}]), "first"),
        (json.dumps({"stack": "Error: x\n  at a.ts"}), "Error: x …"),
        (json.dumps({"message": 5, "code": None, "id": " ", "ok": False, "at": {}}, indent=2), "message: 5, ok: false"),
        *((text, text) for text in ("", "Test error", '{"message": ""}', "{}", "[]", '"quoted"', "{no JSON")),
        *((text, text) for text in ("[" * 100_000, '{"message": ' + "9" * 5000 + "}")),
        (f"{_STACK}TimeoutError: no answer after 60 s\n", "TimeoutError: no answer after 60 s"),
        (f"{_CAUSE}{_STACK}ValueError: no model", "ValueError: no model"),
        (f"{_STACK}ValueError: two\nlines", "ValueError: two …"),
        (f"{_STACK}KeyboardInterrupt", "KeyboardInterrupt"),
        (json.dumps({"message": f"{_STACK}OSError: gone"}), "OSError: gone"),
        (f"The model failed.\n{_STACK}OSError: gone", "The model failed. …"),
    ],
)
def test_error_summary_is_the_message_the_exception_or_the_first_line(error: str | None, summary: str) -> None:
    assert error_summary(error) == summary


def test_error_pretty_indents_json_and_leaves_text_unchanged() -> None:
    assert error_pretty('{"message": "háček", "userId": null}') == '{\n  "message": "háček",\n  "userId": null\n}'
    assert error_pretty(r'{"stack": "Error\n  at a.ts", "path": "C:\\new"}') == (
        '{\n  "stack": "Error\n      at a.ts",\n  "path": "C:\\\\new"\n}'
    )
    assert error_pretty("plain\ntext") == "plain\ntext"
    assert error_pretty('"quoted"') == '"quoted"'
    assert error_pretty("[" * 100_000) == "[" * 100_000
    assert error_pretty(None) == ""
    for depth in (900, 5_000, 50_000):
        assert error_pretty("[" * depth + "]" * depth) == "[" * depth + "]" * depth


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)

others = st.dictionaries(st.text(max_size=5).filter("message".__ne__), values, max_size=3)


@given(before=others, message=st.text(), after=others, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_truncated_json_yields_a_prefix_of_its_message(
    before: dict[str, object], message: str, after: dict[str, object], indent: int | None, ascii_only: bool
) -> None:
    after = {key: value for key, value in after.items() if key not in before}
    text = json.dumps({**before, "message": message, **after}, indent=indent, ensure_ascii=ascii_only)
    lengths = [-1]
    for end in range(len(text) + 1):
        beginning = json_beginning(text[:end])
        read = beginning.get("message", "") if isinstance(beginning, dict) else ""
        assert message.startswith(read.removesuffix("…"))
        lengths.append(len(read.removesuffix("…")))

    assert lengths == sorted(lengths)
    assert json_beginning(text) == json.loads(text)


@given(text=st.text() | st.text(alphabet='{}[]":,\\u message0'))
def test_error_summary_reads_any_text_without_an_error(text: str) -> None:
    assert "\n" not in error_summary(text)


@pytest.mark.parametrize(
    ("cut", "summary"),
    [
        ('{"message": "API timeout", "stack": "Error\\n  at', "API timeout"),
        ('{"code": 504, "details": {"retry": [1, 2]}, "message": "The model is over', "The model is over…"),
        ('{"message": "h\\u00e1\\u010', "há…"),
        ('{"message": "smile \\ud83d\\ude', "smile …"),
        ('{"message": "a \\', "a …"),
        ('{"stack": "Error: it we', "Error: it we…"),
        ('{"stack": "Error: x\\n  at', "Error: x …"),
        ('{"error": {"message": "i', "i…"),
        ('[{"code": 5, "detail": "upst', "upst…"),
        ('{"message": 12', '{"message": 12…'),
        ("A plain text that goes on", "A plain text that goes on…"),
        ("A first line\nand mo", "A first line …"),
        (_STACK, "Traceback (most recent call last): …"),
        (f"{TRACEBACK}\n…e 7, in run\n    call()\nTimeoutError: no answer", "TimeoutError: no answer"),
    ],
)
def test_error_summary_reads_the_message_of_truncated_json(cut: str, summary: str) -> None:
    assert error_summary(cut, is_cut=True) == summary


any_text = st.text(st.characters(categories=None))

nasty_text = st.text(
    st.sampled_from("a漢\u0301\u20dd\x1b\r\n\t\u202e\u200b\ufe0f\ud800\U000e0041\u1160\u3164👍🏽\u2028")
)

texts = any_text | nasty_text

cells = st.integers(0, 60)

limits = st.none() | st.integers(0, 20)

FORBIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def most_stacked_marks(text: str) -> int:
    most = stacked = 0
    for character in text:
        stacked = 0 if get_character_cell_size(character) else stacked + 1
        most = max(most, stacked)
    return most


@given(texts, limits)
def test_clean_line_is_printable_and_equally_wide_in_every_terminal(text: str, limit: int | None) -> None:
    cleaned = clean(text, limit=limit)

    assert cleaned.isprintable()
    assert not {unicodedata.category(character) for character in cleaned} & FORBIDDEN
    assert clean(cleaned, limit=limit) == cleaned
    assert len(cleaned) <= (len(text) if limit is None else limit + len("…"))
    # No joiner or selector is left, because terminals disagree about their width.
    assert cell_len(cleaned) == sum(get_character_cell_size(character) for character in cleaned) <= 2 * len(text)
    assert not cleaned or get_character_cell_size(cleaned[0]) > 0
    assert most_stacked_marks(cleaned) <= MOST_MARKS


@given(texts, cells)
def test_clean_cell_reads_only_the_beginning_of_a_long_text(text: str, width: int) -> None:
    assert (
        shorten(clean_cell(text, width), width) == shorten(clean(text), width) or most_stacked_marks(text) > MOST_MARKS
    )


@given(texts, limits)
def test_clean_block_contains_only_printable_lines(text: str, limit: int | None) -> None:
    block = clean_block(text, limit=limit)

    assert all(line.isprintable() for line in block.split("\n"))
    assert clean_block(block) == block


@given(texts, cells, st.booleans())
def test_shortened_text_keeps_its_beginning_and_padded_text_has_its_width(text: str, width: int, right: bool) -> None:
    cleaned = clean(text)
    shortened = shorten(cleaned, width)

    assert cell_len(shortened) <= width
    assert shortened == cleaned or cleaned.startswith(shortened.removesuffix("…"))
    assert cell_len(pad(cleaned, width, right=right)) == width


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        ("漢字 и čeština", "漢字 и čeština"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x9b31m", "␦31m"),
        ("two\nlines\r\nor three\u2028", "two⏎lines⏎or three⏎"),
        ("carriage\rreturn", "carriage␍return"),
        ("a\tb\x00\x7f", "a⇥b␀␡"),
        ("txt.\u202eexe", "txt.␦exe"),
        ("zero\u200bwidth\u00ad\ufeff", "zero␦width␦␦"),
        ("hidden\U000e0041\ue000\ud800", "hidden␦␦␦"),
        ("no\u00a0break\u3000wide", "no break wide"),
        ("\u0301e\u0301\u0302\u0303\u0304\u0305", "␦e\u0301\u0302\u0303"),
        ("\u3164\u1160", "␦␦"),
        ("\u26a0\ufe0f", "\u26a0"),
    ],
)
def test_clean_replaces_invisible_characters_with_visible_signs(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_clean_block_keeps_its_lines_and_expands_tabs() -> None:
    assert clean_block("{\r\n\t'a':\t1\x1b\n}\u2029") == "{\n    'a':    1␛\n}\n"


@pytest.mark.parametrize(
    ("text", "shortened"),
    [
        ("timeout", {0: "", 1: "…", 6: "timeo…", 7: "timeout"}),
        ("timed out", {7: "timed…"}),
        ("漢字漢字", {6: "漢字…", 7: "漢字漢…", 8: "漢字漢字"}),
    ],
)
def test_shorten_cuts_at_the_cell_width_and_pad_fills_it(text: str, shortened: dict[int, str]) -> None:
    assert {width: shorten(text, width) for width in shortened} == shortened
    assert pad("漢字漢字", 6) == "漢字… "
    assert pad("$2.50", 8, right=True) == "   $2.50"


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("profile_zone", "names"),
    [(None, ["UTC", "local time"]), ("UTC", ["UTC", "local time"]), (BERLIN, ["UTC", "local time", BERLIN])],
)
def test_key_goes_through_all_zones_and_begins_again(profile_zone: str | None, names: list[str]) -> None:
    assert [zone.name for zone in zones(profile_zone)] == names
    shown = chosen_zone("utc", profile_zone)
    for name in (*names[1:], names[0]):
        shown = zone_after(shown, profile_zone)
        assert shown.name == name


@pytest.mark.parametrize(
    ("choice", "profile_zone", "name"),
    [
        (None, None, "local time"),
        (None, BERLIN, BERLIN),
        (None, "UTC", "UTC"),
        ("utc", BERLIN, "UTC"),
        ("local", BERLIN, "local time"),
        ("local", "UTC", "local time"),
        ("profile", BERLIN, BERLIN),
        ("profile", None, "local time"),
        ("lunar", None, "local time"),
    ],
)
def test_remembered_choice_wins_over_the_profile(choice: str | None, profile_zone: str | None, name: str) -> None:
    assert chosen_zone(choice, profile_zone).name == name
    berlin = chosen_zone(None, BERLIN)
    assert (berlin.zone, berlin.choice) == (ZoneInfo(BERLIN), ZoneChoice.PROFILE)
    assert zone_after(berlin, None).zone is UTC, "the zone of another profile"
