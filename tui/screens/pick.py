"""Picks one of several things by typing some letters of its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.fuzzy import FuzzySearch
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from store.finding.id_prefix import IdRange, id_range
from tui.screens.dialog import Dialog
from tui.widgets.steady_text import SteadyText
from tui.widgets.text_field import TextField
from tui.words.text import clean

_LONGEST_LABEL = 60
_BLOCK = "■"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    key: str
    """What picking it answers; unique among the choices."""
    label: str
    detail: str
    identifier: UUID | None = None
    """Found by its beginning, too."""
    color: str | None = None
    """Of a block before the label."""


class PickDialog(Dialog[str]):
    """Answers the key of the choice."""

    DEFAULT_CSS = """
    PickDialog {
        OptionList { max-height: 16; margin-top: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        #note { color: $foreground-muted; margin-top: 1; display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Down", show=False, id="pick.down", tooltip="Go to the choice below"),
        Binding("up", "move(-1)", "Up", show=False, id="pick.up", tooltip="Go to the choice above"),
    ]

    def __init__(
        self,
        *,
        title: str,
        choices: Sequence[Choice],
        chosen: str | None = None,
        placeholder: str = "Type some letters of the name",
        beside: Callable[[str], Sequence[Choice]] = lambda _needle: (),
        remark: str = "",
    ) -> None:
        """`beside` offers, below what is found, what else the typed text may mean. `remark` is known before."""
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
        self.dismiss(event.option_id)

    def take_highlighted(self) -> None:
        option = self.query_one(OptionList).highlighted_option
        if option is not None:
            self.dismiss(option.id)

    def action_move(self, rows: int) -> None:
        choices = self.query_one(OptionList)
        if rows > 0:
            choices.action_cursor_down()
        else:
            choices.action_cursor_up()

    def look_for(self, needle: str) -> None:
        """Lists what the needle finds."""
        self.offer(self._found(needle), needle)

    def offer(self, found: Sequence[Choice], needle: str) -> None:
        """Lists these, and what else the needle may mean."""
        offered = [*found, *self._beside(needle)]
        choices = self.query_one(OptionList)
        choices.set_options([Option(_prompt(choice), id=choice.key) for choice in offered])
        keys = [choice.key for choice in offered]
        choices.highlighted = keys.index(self._chosen) if self._chosen in keys and not needle else 0 if keys else None
        choices.display = bool(keys)
        self.note("" if keys else "Nothing of that name.")

    def note(self, sentence: str) -> None:
        """Below the choices, or in place of them."""
        note = self.query_one("#note", SteadyText)
        note.display = bool(sentence)
        note.say(Content(clean(sentence, limit=400)))

    def _found(self, needle: str) -> list[Choice]:
        """The best match first; all in their own order while nothing is typed."""
        if not needle:
            return list(self._choices)
        ids = id_range(needle)
        scored = [(self._score(needle, ids, choice), choice) for choice in self._choices]
        return [choice for score, choice in sorted(scored, key=lambda pair: -pair[0]) if score > 0]

    def _score(self, needle: str, ids: IdRange | None, choice: Choice) -> float:
        """An id is no word: its letters mean nothing one by one, nor do those of a name to who pasted one."""
        if ids is None:
            return self._search.match(needle, choice.label[:_LONGEST_LABEL])[0]
        is_of_id = choice.identifier is not None and ids.low <= choice.identifier <= ids.high
        return 2 if is_of_id else int(needle.casefold() in choice.label.casefold())


def _prompt(choice: Choice) -> Content:
    label, detail = clean(choice.label, limit=_LONGEST_LABEL), clean(choice.detail, limit=60)
    block = (f" {_BLOCK}", choice.color) if choice.color else ("", "")
    return Content.assemble(block, (f" {label}", ""), (f"  {detail}", "$foreground-muted"))
