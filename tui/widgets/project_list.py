"""The projects, each with its number of jobs; the chosen one is marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from store.model import Project
from tui.format import count
from tui.text import pad, shorten

_ALL = "all"


class ProjectList(OptionList):
    """An option's id is the project's: a refresh moves neither the highlight nor the choice."""

    DEFAULT_CSS = """
    ProjectList {
        width: 26;
        height: 1fr;
        border: round $primary-muted;
        border-title-color: $foreground-muted;
        border-title-style: bold;
        padding: 0;
        background: $background;
        scrollbar-size-vertical: 1;

        &:focus { border: round $primary; border-title-color: $text-primary; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Choose", id="projects.choose", tooltip="Show this project's jobs"),
        Binding("down,j", "cursor_down", "Down", show=False, id="projects.down", tooltip="Go to the next project"),
        Binding("up,k", "cursor_up", "Up", show=False, id="projects.up", tooltip="Go to the project above"),
    ]

    @dataclass
    class Chosen(Message):
        project_id: UUID | None
        """None for all projects."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self.border_title = Content("Projects")
        self._projects: tuple[Project, ...] = ()
        self._chosen: UUID | None = None

    def show(self, projects: Sequence[Project], chosen: UUID | None) -> None:
        """Newest first, below "All projects"."""
        shown = tuple(projects)
        if (shown, chosen) == (self._projects, self._chosen) and self.option_count:
            return
        ids = [project.id for project in shown]
        same_places = ids == [project.id for project in self._projects] and self.option_count
        self._projects, self._chosen = shown, chosen
        if same_places:
            self._relabel()
        else:
            self._refill()

    def forget(self) -> None:
        self._projects, self._chosen = (), None
        self.clear_options()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(None if event.option_id == _ALL else UUID(event.option_id)))

    def on_resize(self) -> None:
        if self.option_count:
            self._relabel()

    def _relabel(self) -> None:
        for option_id, prompt in self._prompts():
            if self.get_option(option_id).prompt != prompt:
                self.replace_option_prompt(option_id, prompt)

    def _refill(self) -> None:
        """The highlight stays on its project; on the chosen one where that has gone."""
        highlighted = self.highlighted_option.id or "" if self.highlighted_option else ""
        self.set_options([Option(prompt, id=option_id) for option_id, prompt in self._prompts()])
        known = {option.id for option in self.options}
        wanted = highlighted if highlighted in known else str(self._chosen or _ALL)
        self.highlighted = self.get_option_index(wanted) if wanted in known else 0

    def _prompts(self) -> list[tuple[str, Content]]:
        total = sum(project.job_count for project in self._projects)
        rows = [(_ALL, "All projects", total, self._chosen is None)]
        rows += [
            (str(project.id), project.name, project.job_count, project.id == self._chosen) for project in self._projects
        ]
        return [(option_id, self._prompt(name, number, chosen)) for option_id, name, number, chosen in rows]

    def _prompt(self, name: str, number: int, chosen: bool) -> Content:
        width = max(12, self.scrollable_content_region.width)
        figure = count(number)
        room = width - len(figure) - 4
        label = f" {pad(shorten(name, room), room)} "
        glyph = ("›", "bold $text-accent") if chosen else (" ", "")
        return Content.assemble(glyph, (label, "bold" if chosen else ""), (f"{figure} ", "$foreground-muted"))
