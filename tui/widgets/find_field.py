"""What is looked for in the rows shown; hidden until somebody looks for something."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.widgets.text_field import TextField


class FindField(TextField):
    DEFAULT_CSS = """
    FindField {
        display: none;

        &.-shown { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep and go to the table", id="find.keep", tooltip="Keep what was found"),
        Binding("escape", "screen.leave_find", "all rows", id="find.leave", tooltip="Show all rows again"),
        Binding("down", "submit", "To the table", show=False, id="find.down", tooltip="Go to what was found"),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id, placeholder="Find in the rows shown: mode, error, id …")
