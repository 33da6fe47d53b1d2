"""Pick from a list, or from a server search."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.css.styles import RulesMap
from textual.fuzzy import FuzzySearch
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from gjobs.store.errors import StoreError
from gjobs.store.system.async_tools import is_cancelling
from gjobs.store.values.formats import IdRange, id_range
from gjobs.tui.dashboard.bindings import KEY_ONLY, bind
from gjobs.tui.dashboard.dialogs.dialog import Dialog, hint_lines, key_hint
from gjobs.tui.dashboard.widgets.widgets import SteadyText, TextField
from gjobs.tui.text.clean_text import clean, pad, shorten, shorten_address, shorten_start
from gjobs.tui.text.error_text import error_words

_LONGEST_LABEL, _LONGEST_ADDRESS = 60, 200
_LONGEST_COLUMN = 40
"""Cells. Details are not aligned behind a longer label, because they would be far from the short labels."""
_BLOCK, _BLOCK_CELLS = "■", 2
_FROM = "from "
"""The first word of a detail that names files."""

ValueType = TypeVar("ValueType")
ChoiceType = TypeVar("ChoiceType", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Generic[ChoiceType]):
    value: ChoiceType
    label: str
    detail: str
    identifier: UUID | None = None
    """An id whose first digits also find the choice."""
    ending: str = ""
    """A text after the detail. A narrow list shortens label and detail, but never this text."""
    color: str | None = None
    """Color of a block before the label."""


class PickDialog(Dialog[Choice[ValueType]], Generic[ValueType]):
    """Return the picked choice."""

    DEFAULT_CSS = """
    PickDialog {
        OptionList { max-height: 14; margin-top: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        .warning { margin-top: 0; margin-bottom: 1; }
        #note { display: none; }
        #keys { margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pick.down", "down", "Down", "Go to the next choice", KEY_ONLY, "move_cursor(1)"),
        bind("pick.up", "up", "Up", "Go to the previous choice", KEY_ONLY, "move_cursor(-1)"),
    ]

    def __init__(
        self,
        *,
        title: str,
        choices: Sequence[Choice[ValueType]],
        chosen: ValueType | None = None,
        placeholder: str = "Type part of the name",
        beside: Callable[[str], Sequence[Choice[ValueType]]] = lambda _needle: (),
        remark: str = "",
    ) -> None:
        """The cursor starts on the choice with the value `chosen`. `beside` returns further choices for the typed text.
        They are listed below the matches. `remark` is shown above the field.
        """
        super().__init__()
        self._title = title
        self._choices = tuple(choices)
        self._chosen = chosen
        self._placeholder = placeholder
        self._beside = beside
        self._remark = remark
        self._search = FuzzySearch()

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            if self._remark:
                yield Static(clean(self._remark, limit=400), classes="warning", markup=False)
            yield TextField(id="needle", placeholder=self._placeholder)
            yield OptionList(id="choices", markup=False, compact=True)
            yield SteadyText(id="note", classes="label")
            yield from self.further_parts()
            enter = key_hint(self.app.get_key_display(Binding("enter", "")), "choose")
            yield Static(hint_lines([enter, *self.hints_of(self.HINTS)]), id="keys", markup=False)

    def further_parts(self) -> ComposeResult:
        """Widgets below the choices."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.update_choices("")

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self.update_choices(event.value.strip())

    @on(Input.Submitted)
    def _submit(self) -> None:
        self.take_highlighted()

    @on(OptionList.OptionSelected)
    def _take(self, event: OptionList.OptionSelected) -> None:
        # The list may have changed since, but the option keeps its choice.
        if isinstance(event.option.prompt, ChoiceLine):
            self.dismiss(event.option.prompt.choice)

    @property
    def highlighted(self) -> Choice[ValueType] | None:
        option = self.query_one(OptionList).highlighted_option
        return option.prompt.choice if option and isinstance(option.prompt, ChoiceLine) else None

    def take_highlighted(self) -> None:
        if (choice := self.highlighted) is not None:
            self.dismiss(choice)

    def update_choices(self, needle: str) -> None:
        self.offer(self._found(needle), needle)

    def offer(self, found: Sequence[Choice[ValueType]], needle: str) -> None:
        """List these choices, and other meanings of the text."""
        offered = [*found, *self._beside(needle)]
        choices = self.query_one(OptionList)
        columns = ChoiceColumns.of(offered)
        choices.set_options([Option(ChoiceLine(choice, columns)) for choice in offered])
        values = [] if needle else [choice.value for choice in offered]
        place = values.index(self._chosen) if self._chosen in values else 0
        choices.highlighted = place if offered else None
        choices.display = bool(offered)
        self.show_text("note", "" if offered else "No match.")

    def _found(self, needle: str) -> list[Choice[ValueType]]:
        """Return the best match first. Without a text, return all choices in their own order."""
        if not needle:
            return list(self._choices)
        ids = id_range(needle)
        scored = [(self._score(needle, ids, choice), choice) for choice in self._choices]
        return [choice for score, choice in sorted(scored, key=lambda pair: -pair[0]) if score > 0]

    def _score(self, needle: str, ids: IdRange | None, choice: Choice[ValueType]) -> float:
        """Score a choice. A text that may be an id matches ids that begin with it and labels that contain it."""
        if ids is None:
            return self._search.match(needle, choice.label[:_LONGEST_LABEL])[0]
        is_of_id = choice.identifier is not None and ids.low <= choice.identifier <= ids.high
        return 2 if is_of_id else int(needle.casefold() in choice.label.casefold())


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceColumns:
    """The cells that the choices of a list need if their details are aligned."""

    block: int
    label: int
    line: int

    @classmethod
    def of(cls, choices: Sequence[Choice[Any]]) -> "ChoiceColumns":
        texts = [_texts(choice) for choice in choices]
        block = _BLOCK_CELLS if any(choice.color for choice in choices) else 0
        label = max((cell_len(label) for label, detail, ending in texts if detail or ending), default=0)
        rest = max((cell_len(f"{detail}{ending}") for _, detail, ending in texts), default=0)
        return cls(block=block, label=label, line=block + label + rest + len("   "))


def _texts(choice: Choice[Any]) -> tuple[str, str, str]:
    """Return the label, the detail and the ending as clean text."""
    limit = _LONGEST_ADDRESS if choice.ending else _LONGEST_LABEL
    label, detail = clean(choice.label, limit=limit), clean(choice.detail, limit=limit)
    return label, detail, f", {choice.ending}" if detail and choice.ending else choice.ending


class ChoiceLine(Visual):
    """A choice on one line, which fits the width of its list. Details are aligned if all lines have room for it."""

    def __init__(self, choice: Choice[Any], columns: ChoiceColumns) -> None:
        self.choice = choice
        self._columns = columns

    def content(self, width: int | None = None) -> Content:
        choice, columns = self.choice, self._columns
        label, detail, ending = _texts(choice)
        block = (pad(f" {_BLOCK}" if choice.color else "", columns.block), choice.color or "")
        if width is not None and columns.label <= _LONGEST_COLUMN and columns.line <= width:
            label = pad(label, columns.label)
        elif choice.ending and width is not None:
            room = width - len(f"{block[0]}   {ending}")
            detail = _fit_detail(detail, max(room - cell_len(label), room // 3))
            room -= cell_len(detail)
            # A long name of a database must not cut the beginning of the label.
            has_short_end = cell_len(label.rpartition("/")[2]) < room // 2
            label = shorten_address(label, room) if has_short_end else shorten(label, room)
        return Content.assemble(block, f" {label}", (f"  {detail}{ending}", "$foreground-muted"))

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        return self.content(width).render_strips(width, height, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return self.content().get_optimal_width(rules, container_width)

    def get_height(self, rules: RulesMap, width: int) -> int:  # noqa: ARG002
        return 1

    def __str__(self) -> str:
        return self.content().plain


def _fit_detail(detail: str, room: int) -> str:
    """Cut the detail to a width. A path loses its beginning, because its end names the file."""
    if cell_len(detail) <= room or not detail.startswith(_FROM):
        return shorten(detail, room)
    path = detail.removeprefix(_FROM)
    return path if cell_len(path) <= room else shorten_start(path, room)


_STILL_TYPING_SECONDS = 0.15
_DELAY_SECONDS = 0.3
"""Delay before the dialog shows that it is searching."""


class SearchDialog(PickDialog[ValueType]):
    """A pick dialog that searches on the server. It opens at once. Only the newest search counts."""

    def __init__(self, *, search: Callable[[str], Awaitable[Sequence[Choice[ValueType]]]], **options: Any) -> None:
        """`search` returns choices for a typed text. It may raise a StoreError. `options` are those of PickDialog."""
        super().__init__(choices=(), **options)
        self._ask = search
        self.is_answered = False
        """Whether the list shows the results for the current text."""

    def update_choices(self, needle: str) -> None:
        self.is_answered = self.is_waiting = False
        self._find(needle)

    def take_highlighted(self) -> None:
        """Take the choice, but only once the list belongs to the current text. Until then, later keys wait, too."""
        if self.is_answered:
            super().take_highlighted()
        else:
            self.is_waiting = True

    @work(exclusive=True, group="searches")
    async def _find(self, needle: str) -> None:
        """Search once the user has stopped typing."""
        delay = self.set_timer(_STILL_TYPING_SECONDS + _DELAY_SECONDS, self._show_searching)
        found: Sequence[Choice[ValueType]] = ()
        problem = ""
        try:
            await asyncio.sleep(_STILL_TYPING_SECONDS if needle else 0)
            found = await self._ask(needle)
        except StoreError as error:
            problem = error_words(error)
        finally:
            delay.stop()
        if not self.is_open or is_cancelling():
            return
        self.is_answered = True
        self.offer(found, needle)
        if problem:
            self.show_text("note", problem)
        # With several matches, the user has not yet seen which of them the enter key would choose.
        is_clear = len(found) == 1 or (not found and self.query_one(OptionList).option_count == 1)
        if self.is_waiting and is_clear:
            self.take_highlighted()
        self.is_waiting = False

    def _show_searching(self) -> None:
        if self.is_open:
            self.show_text("note", "Searching …")
