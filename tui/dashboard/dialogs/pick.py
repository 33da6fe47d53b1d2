"""Pick from a list, from a server search, or look at a table that is read for one option at a time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar
from uuid import UUID

from rich.cells import cell_len
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.css.styles import RulesMap
from textual.fuzzy import FuzzySearch
from textual.strip import Strip
from textual.style import Style
from textual.timer import Timer
from textual.visual import RenderOptions, Visual
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from gjobs.store.errors import StoreError
from gjobs.store.values.formats import IdRange, id_range
from gjobs.tui.dashboard.dialogs.dialog import MOST_PERCENT, Dialog, choices_line, hint_lines, key_hint
from gjobs.tui.dashboard.widgets.widgets import LEAVING_KEYS, SteadyText, TextField
from gjobs.tui.text.clean_text import clean, pad, shorten, shorten_address, shorten_start
from gjobs.tui.text.error_text import error_words

if TYPE_CHECKING:
    from gjobs.store.store import Store

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


class ChoiceOption(Option):
    def __init__(self, choice: Choice[Any], columns: "ChoiceColumns") -> None:
        super().__init__(ChoiceLine(choice, columns))
        self.choice = choice


class PickDialog(Dialog[Choice[ValueType]], Generic[ValueType]):
    """Return the picked choice."""

    DEFAULT_CSS = """
    PickDialog {
        OptionList { max-height: 14; margin-top: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        .warning { margin-top: 0; margin-bottom: 1; }
        #note { color: $foreground-muted; margin-top: 1; display: none; }
        #keys { margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move_cursor(1)", "Down", show=False, id="pick.down", tooltip="Go to the next choice"),
        Binding("up", "move_cursor(-1)", "Up", show=False, id="pick.up", tooltip="Go to the previous choice"),
    ]

    HINTS: ClassVar[Sequence[str]] = ("dialog.leave",)
    """The ids of the bindings with a hint, besides enter."""

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
            yield SteadyText(id="note")
            yield from self.further_parts()
            enter = key_hint(self.app.get_key_display(Binding("enter", "")), "choose")
            yield Static(hint_lines([enter, *self.hints_of(self.HINTS)]), id="keys", markup=False)

    def further_parts(self) -> ComposeResult:
        """Widgets below the choices."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.look_for("")

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self.look_for(event.value.strip())

    @on(Input.Submitted)
    def _submit(self) -> None:
        self.take_highlighted()

    @on(OptionList.OptionSelected)
    def _take(self, event: OptionList.OptionSelected) -> None:
        # The list may have changed since, but the option keeps its choice.
        if isinstance(event.option, ChoiceOption):
            self.dismiss(event.option.choice)

    @property
    def highlighted(self) -> Choice[ValueType] | None:
        option = self.query_one(OptionList).highlighted_option
        return option.choice if isinstance(option, ChoiceOption) else None

    def take_highlighted(self) -> None:
        if (choice := self.highlighted) is not None:
            self.dismiss(choice)

    def look_for(self, needle: str) -> None:
        """List the choices that match."""
        self.offer(self._found(needle), needle)

    def offer(self, found: Sequence[Choice[ValueType]], needle: str) -> None:
        """List these choices, and other meanings of the text."""
        offered = [*found, *self._beside(needle)]
        choices = self.query_one(OptionList)
        columns = ChoiceColumns.of(offered)
        choices.set_options([ChoiceOption(choice, columns) for choice in offered])
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
        self._choice = choice
        self._columns = columns

    def content(self, width: int | None = None) -> Content:
        choice, columns = self._choice, self._columns
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
_PATIENCE_SECONDS = 0.3
"""Delay before the dialog shows that it is searching."""
_SEARCHES = "searches"


class SearchDialog(PickDialog[ValueType]):
    """A pick dialog that searches on the server. It opens at once. Only the newest search counts."""

    def __init__(self, *, search: Callable[[str], Awaitable[Sequence[Choice[ValueType]]]], **options: Any) -> None:
        """`search` returns choices for a typed text. It may raise a StoreError. `options` are those of PickDialog."""
        super().__init__(choices=(), **options)
        self._ask = search
        self._needle = ""
        self.is_answered = False
        """Whether the list shows the results for the current text."""
        self._enter_waits = False
        self._waits: list[Timer] = []

    def look_for(self, needle: str) -> None:
        self._needle, self.is_answered, self._enter_waits = needle, False, False
        self._stop_waits()
        self._waits = [self.set_timer(_STILL_TYPING_SECONDS + _PATIENCE_SECONDS, self._say_searching)]
        if needle:
            self._waits.append(self.set_timer(_STILL_TYPING_SECONDS, partial(self._start, needle)))
        else:
            self._start(needle)

    def take_highlighted(self) -> None:
        """Take the choice, but only once the list belongs to the current text."""
        if self.is_answered:
            super().take_highlighted()
        else:
            self._enter_waits = True

    def takes_key(self, event: events.Event) -> bool:
        """Return whether to take the key. While enter waits for results, only escape is taken."""
        return not self._enter_waits or (isinstance(event, events.Key) and event.key in LEAVING_KEYS)

    def _start(self, needle: str) -> None:
        self.run_worker(self._find(needle), group=_SEARCHES, exclusive=True)

    async def _find(self, needle: str) -> None:
        try:
            found, problem = await self._ask(needle), ""
        except StoreError as error:
            found, problem = (), error_words(error)
        if self.is_open and needle == self._needle:
            self._answer(found, problem)

    def _answer(self, found: Sequence[Choice[ValueType]], problem: str) -> None:
        self._stop_waits()
        self.is_answered = True
        self.offer(found, self._needle)
        if problem:
            self.show_text("note", problem)
        if self._enter_waits and self._is_clear(found):
            self.take_highlighted()
        self._enter_waits = False

    def _is_clear(self, found: Sequence[Choice[ValueType]]) -> bool:
        """Whether enter can only mean one choice. With several matches, the user has not yet seen which of them the
        enter key would choose.
        """
        return len(found) == 1 or (not found and self.query_one(OptionList).option_count == 1)

    def _say_searching(self) -> None:
        if self.is_open:
            self.show_text("note", "Searching …")

    def _stop_waits(self) -> None:
        for timer in self._waits:
            timer.stop()


OptionType = TypeVar("OptionType")
FoundType = TypeVar("FoundType")

_GAP = "  "
_LOW = 18
"""A screen with fewer lines has no empty lines around the table."""
_OTHERS, _LOW_OTHERS = 14, 6
"""Lines of the border, the padding, the options, a heading, the summary and the keys."""


class TableDialog(Dialog[None], Generic[OptionType, FoundType]):
    """Show a table. It is read when the dialog opens, when the user chooses another option, and on refresh."""

    DEFAULT_CSS = """
    TableDialog {
        #options { margin-bottom: 1; }
        VerticalScroll { height: auto; }
        #summary { height: auto; max-height: 3; color: $foreground-muted; margin-top: 1; }
        #keys { height: 1; color: $foreground-muted; margin-top: 1; }

        &.-low {
            #dialog { padding: 0 1; }
            #options { margin-bottom: 0; }
            #summary { max-height: 1; margin-top: 0; }
            #keys { margin-top: 0; }
        }
    }
    """
    HINTS: ClassVar[Sequence[str]]
    """The ids of the bindings with a hint."""
    READING: ClassVar[str] = "Reading …"
    GOES_ROUND: ClassVar[bool] = True
    """Whether the first option follows the last one."""

    def __init__(
        self,
        store: "Store",
        project_id: UUID | None,
        options: Mapping[str, OptionType],
        *,
        title: str,
        chosen: int = 0,
    ) -> None:
        """`options` has each option by its label. The labels and the title must be clean text."""
        super().__init__()
        self._store = store
        self._project_id = project_id
        self._options = options
        self._title = title
        self._chosen = chosen
        self._result: FoundType | None = None

    async def read(self, option: OptionType) -> FoundType:
        raise NotImplementedError

    def heading(self) -> str:
        """Return a line above the table, or an empty text."""
        return ""

    def table(self, found: FoundType, width: int) -> Content:
        raise NotImplementedError

    def summary(self, found: FoundType) -> str:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            yield SteadyText(id="options")
            with VerticalScroll():
                yield SteadyText(id="table")
            yield SteadyText(id="summary")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.say("keys", self.keys_line(self.HINTS))
        self.action_read()

    def action_step(self, steps: int) -> None:
        count, place = len(self._options), self._chosen + steps
        place = place % count if self.GOES_ROUND else min(max(place, 0), count - 1)
        if place != self._chosen:
            self._chosen = place
            self.action_read()

    @work(exclusive=True)
    async def action_read(self) -> None:
        self._draw_options()
        self.say("summary", Content(self.READING))
        try:
            self._result = await self.read(list(self._options.values())[self._chosen])
            summary = Content(self.summary(self._result))
        except StoreError as error:
            self._result = None
            summary = Content.styled(error_words(error), "$text-error")
        self._draw_options()
        self._draw_table()
        self.say("summary", summary)

    def on_resize(self) -> None:
        self.set_class(self._is_low, "-low")
        # Textual 8.2.8 ignores a relative limit, as in `max-height: 50vh`, when it computes the height of the dialog.
        room = self.size.height * MOST_PERCENT // 100 - (_LOW_OTHERS if self._is_low else _OTHERS)
        self.query_one(VerticalScroll).styles.max_height = max(room, 1)
        self._draw_options()
        self.call_after_refresh(self._draw_table)

    @property
    def _is_low(self) -> bool:
        return self.size.height < _LOW

    def _draw_options(self) -> None:
        labels = choices_line(self._options, self._chosen, gap="" if self._is_low else _GAP)
        heading, between = self.heading(), Content("\n" if self._is_low else "\n\n")
        self.say("options", between.join([labels, Content.styled(heading, "bold")] if heading else [labels]))

    def _draw_table(self) -> None:
        if self.is_open:
            width = self.query_one(VerticalScroll).scrollable_content_region.width
            self.say("table", Content() if self._result is None else self.table(self._result, width))
