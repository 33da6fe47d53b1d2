"""Views in the configuration and in their own file: read, saved and merged, with an error for each mistake."""

import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.configuration.config_file import read_content
from gjobs.store.configuration.saved_views import (
    KnownViews,
    View,
    read_name,
    read_saved,
    read_views,
    require_view,
    written,
)
from gjobs.store.configuration.toml_table import TomlTable
from gjobs.store.errors import BadConfiguration, Conflict, InvalidValue
from gjobs.store.filters.filter_syntax import format_filter
from gjobs.store.job_list.list_query import ListOrder, OrderColumn
from tests.store.filters.filter_strategies import filters

FILE = Path("/etc/here/config.toml")

EXPENSIVE = View(name="expensive", text="cost:>50", order=ListOrder(column=OrderColumn.COST, descending=False))

LATE = View(name="late", text='status:failed project:"Autumn, late"')


def configured(text: str) -> dict[str, View]:
    return dict(read_content(text.encode(), path=FILE).views)


def test_view_is_a_filter_text_or_a_table_with_one() -> None:
    views = configured(
        """
        [views]
        late = 'status:failed project:"Autumn, late"'
        expensive = { filter = "cost:>50", order = "cost ascending" }
        [views."the newest"]
        filter = "since:24h"
        order = "updated"
        """
    )
    assert views == {
        "late": LATE,
        "expensive": EXPENSIVE,
        "the newest": View(name="the newest", text="since:24h", order=ListOrder(column=OrderColumn.UPDATED)),
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("views = 3", "1: views is a number, but must be a table."),
        ("[views]\nlate = 3", "2: views.late is a number, but must be a filter or a table."),
        ("[views]\nlate = ''", "2: views.late is empty."),
        (
            "[views]\nx = 'cost:>5'\nlate = 'statsu:failed'",
            "3: views.late is not a filter: Unknown key 'statsu'. Did you mean status?",
        ),
        ("[views.late]\nfilter = 'status:'", "2: views.late.filter is not a filter: status: needs a value."),
        ("[views.late]\norder = 'cost'", "1: views.late has no filter."),
        (
            "[views.late]\nfilter = 'a'\norder = 'costs'",
            "3: views.late.order does not name a column to sort by: 'costs' is not known. Did you mean 'cost'?",
        ),
        (
            "[views.late]\nfilter = 'a'\norder = 'cost up'",
            "3: views.late.order does not name a direction: 'up' is not known. Use one of descending, ascending.",
        ),
        ("[views.late]\nfilter = 'a'\nfiltre = 'a'", "3: views.late.filtre is not known. Did you mean 'filter'?"),
        (f"[views]\n{'n' * 61} = 'a'", f"2: views.{'n' * 61} has a name that is longer than 60 characters."),
    ],
)
def test_each_mistake_in_a_view_is_reported_with_file_line_and_key(text: str, sentence: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        configured(text)
    assert str(caught.value) == f"{FILE}, line {sentence}"


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20).filter(str.isprintable)

orders = st.none() | st.builds(ListOrder, column=st.sampled_from(OrderColumn), descending=st.booleans())

views = st.builds(View, name=names, text=filters.map(format_filter).filter(bool), order=orders)


@given(st.lists(views, max_size=2))
def test_written_views_read_back_unchanged(some: list[View]) -> None:
    by_name = {view.name: view for view in some}
    table = TomlTable(tomllib.loads(written(by_name.values()))["views"])
    assert (read_views(table), table.problems) == (by_name, [])


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\u202ea", "n" * 61])
def test_view_name_that_cannot_be_read_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|contains) "):
        read_name(name)
    assert read_name(" Ana's 50% ") == "Ana's 50%"


class TestSaving:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "data" / "views.toml"

    @pytest.fixture
    def views(self, path: Path) -> KnownViews:
        return KnownViews({}, path.parent)

    def test_saved_view_exists_until_it_is_removed(self, views: KnownViews, path: Path) -> None:
        assert (views.read(), views.known) == ("", {})
        views.save(LATE, replaces=None)
        views.save(EXPENSIVE, replaces=None)
        assert views.known == read_saved(path) == {"late": LATE, "expensive": EXPENSIVE}
        views.remove(LATE)
        assert views.known == read_saved(path) == {"expensive": EXPENSIVE}
        assert path.stat().st_mode & 0o077 == 0
        assert not list(path.parent.glob("*.toml.[0-9]*"))

    def test_save_refuses_to_replace_another_view(self, views: KnownViews) -> None:
        other = View(name="late", text="status:queued")
        views.save(LATE, replaces=None)
        views.save(LATE, replaces=None)
        for replaces in (None, EXPENSIVE):
            with pytest.raises(Conflict, match="Another view was just saved as 'late'"):
                views.save(other, replaces=replaces)
        assert views.known == {"late": LATE}
        views.save(other, replaces=LATE)
        assert views.known == {"late": other}
        with pytest.raises(Conflict):
            views.remove(LATE)

    def test_concurrent_saves_keep_all_views(self, path: Path) -> None:
        some = [View(name=f"view {number}", text="timeout") for number in range(8)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda view: KnownViews({}, path.parent).save(view, replaces=None), some))
        assert set(read_saved(path)) == {view.name for view in some}

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"[views", " is not TOML: "),
            (b"\xff", " is not UTF-8."),
            (b"[views]\nlate = 'statsu:x'", ", line 2: views.late is not a filter: "),
            (b"other = 3", ", line 1: other is not known. "),
        ],
    )
    def test_unreadable_views_file_is_kept(self, views: KnownViews, path: Path, content: bytes, sentence: str) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        for use in (views.read, lambda: views.save(LATE, replaces=None)):
            with pytest.raises(BadConfiguration) as caught:
                use()
            assert str(caught.value).startswith(f"{path}{sentence}")
        assert path.read_bytes() == content

    def test_save_reports_that_the_views_file_cannot_be_written(self, views: KnownViews, path: Path) -> None:
        path.parent.write_text("a file")
        with pytest.raises(InvalidValue, match=r"Can't write .*views\.toml: "):
            views.save(LATE, replaces=None)


def test_configured_view_overrides_a_saved_one_and_the_clash_is_reported(tmp_path: Path) -> None:
    for saved in (View(name="late", text="status:queued"), EXPENSIVE):
        KnownViews({}, tmp_path).save(saved, replaces=None)
    views = KnownViews({"late": LATE, "expensive": EXPENSIVE}, tmp_path)
    assert views.read() == f"The configuration overrides views saved in {tmp_path / 'views.toml'}: 'late'."
    assert views.known == {"late": LATE, "expensive": EXPENSIVE}
    assert views.read(only="expensive") == ""


def test_unknown_view_error_suggests_the_nearest_names() -> None:
    assert require_view("late", {"late": LATE}) is LATE
    for typed, hint in (("lat", "Did you mean 'late'?"), ("zzz", "Did you mean 'late' or 'expensive'?")):
        with pytest.raises(InvalidValue, match="There is no view") as caught:
            require_view(typed, {"late": LATE, "expensive": EXPENSIVE})
        assert caught.value.hint == hint
    with pytest.raises(InvalidValue, match="No views are configured"):
        require_view("late", {})
