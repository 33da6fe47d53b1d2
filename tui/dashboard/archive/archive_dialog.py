"""Archive dialog with pages and marks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, ClassVar, Protocol
from uuid import UUID

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.retention.retention import ArchivedJob
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog, Dialog, SummaryDialog
from gjobs.tui.dashboard.job_list.table_drawing import MARK
from gjobs.tui.dashboard.keys.bindings import DialogKey
from gjobs.tui.dashboard.widgets import SteadyText
from gjobs.tui.text.clean_text import clean, pad
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.retention_text import (
    ArchiveColumn,
    archive_columns,
    archived_line,
    archived_titles,
)
from gjobs.tui.text.write_text import Confirmation

if TYPE_CHECKING:
    from gjobs.tui.text.time_zone import ShownZone

Places = tuple[PageKey | None, ...]
"""The start of each page up to the present one. None is the start of the first page."""
FIRST: Places = (None,)


@dataclass(slots=True)
class ArchivePages:
    page: Page[ArchivedJob] = field(default_factory=lambda: Page(items=(), next_key=None))
    places: Places = FIRST
    _marked: dict[UUID, ArchivedJob] = field(default_factory=dict)

    def turned(self, pages: int) -> Places | None:
        """Return the start of the previous or next page. Return None if there is none."""
        if pages < 0:
            return self.places[:-1] or None
        return None if self.page.next_key is None else (*self.places, self.page.next_key)

    def show(self, page: Page[ArchivedJob], places: Places) -> None:
        self.page, self.places = page, places

    def mark(self, archived: ArchivedJob) -> None:
        """Mark the job, or remove its mark. Marks stay when the page changes."""
        if self._marked.pop(archived.job.id, None) is None:
            self._marked[archived.job.id] = archived

    def is_marked(self, archived: ArchivedJob) -> bool:
        return archived.job.id in self._marked

    def chosen(self, pointed_at: ArchivedJob | None) -> Sequence[ArchivedJob]:
        """Return the marked jobs, or else the job under the cursor."""
        return tuple(self._marked.values()) or ((pointed_at,) if pointed_at else ())

    @property
    def words(self) -> str:
        """Return a note like `Page 2, the last page · 3 marked`. Empty for a single page without marks."""
        has_next = self.page.next_key is not None
        page = f"Page {len(self.places)}{'' if has_next else ', the last page'}" if has_next or self.places[1:] else ""
        marked = f"{len(self._marked)} marked" if self._marked else ""
        return " · ".join(filter(None, (page, marked)))


_KEYS = {
    "archive.look": "details",
    "archive.mark": "mark",
    "archive.restore": "restore",
    "archive.newer": "newer",
    "archive.older": "older",
    "dialog.leave": "close",
}

_MARK_CELLS = 3


class ArchiveSource(Protocol):
    """What the archive dialog shows, and what its keys do."""

    @property
    def of(self) -> str:
        """Name the project or all projects, as clean text."""

    @property
    def now(self) -> datetime: ...

    @property
    def project_names(self) -> Mapping[UUID, str]: ...

    @property
    def has_several_projects(self) -> bool: ...

    async def read(self, after: PageKey | None) -> Page[ArchivedJob]:
        """Read the page that starts there."""

    async def count(self) -> str:
        """Return a sentence with the number of archived jobs."""

    async def show(self, archived: ArchivedJob) -> None: ...

    def question(self, jobs: Sequence[GenerationJob]) -> Confirmation: ...

    @property
    def is_read_only(self) -> bool: ...

    def may_restore(self) -> bool:
        """Return whether restoring is allowed. If not, show why."""


class ArchiveDialog(Dialog[tuple[GenerationJob, ...]]):
    """Return the jobs to restore, after a confirmation. The dialog holds one page and the marked jobs."""

    DEFAULT_CSS = """
    ArchiveDialog {
        #dialog { width: 112; }
        &.-of-project #dialog { width: 84; }
        OptionList { max-height: 50vh; text-wrap: nowrap; text-overflow: ellipsis; }
        OptionList:focus { background-tint: $foreground 0%; }
        #titles { text-wrap: nowrap; }
        #titles, #note, #keys { color: $foreground-muted; }
        #count { margin-bottom: 1; }
        #note, #keys { margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close", id="archive.close", tooltip="Close the archive"),
        Binding("j", "move_cursor(1)", "Down", show=False, id="archive.down", tooltip="Go to the next archived job"),
        Binding("k", "move_cursor(-1)", "Up", show=False, id="archive.up", tooltip="Go to the previous archived job"),
        DialogKey("enter", "look", "Details", id="archive.look", tooltip="Show the details of this archived job"),
        Binding("space", "mark", "Mark", id="archive.mark", tooltip="Mark this archived job and go down"),
        DialogKey("r", "restore", "Restore", id="archive.restore", tooltip="Restore this job or the marked jobs"),
        Binding("left,h", "turn(-1)", "Newer", id="archive.newer", tooltip="Show the page with newer jobs"),
        Binding("right,l", "turn(1)", "Older", id="archive.older", tooltip="Show the page with older jobs"),
    ]

    def __init__(self, source: ArchiveSource) -> None:
        super().__init__()
        self._source = source
        self._columns: Sequence[ArchiveColumn] = ()
        self._pages = ArchivePages()

    def compose(self) -> ComposeResult:
        with self.box(f"Archive · {self._source.of}"):
            yield SteadyText(id="count")
            yield SteadyText(id="titles")
            yield OptionList(id="archived", markup=False, compact=True)
            yield SteadyText(id="note")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.set_class(not self._source.has_several_projects, "-of-project")
        self.query_one(OptionList).focus()
        self.say("keys", self.keys_line(_KEYS))
        self._turn_to(FIRST)
        self._tell_count()

    @property
    def hidden_keys(self) -> frozenset[str]:
        return frozenset({"archive.restore"} if self._source.is_read_only else ())

    @work(exclusive=True, group="count")
    async def _tell_count(self) -> None:
        self._show_text("count", "Counting …")
        try:
            self._show_text("count", await self._source.count())
        except StoreError as error:
            self._show_text("count", f"Not counted: {error_words(error)}")

    @work(exclusive=True, group="page")
    async def _turn_to(self, places: Places) -> None:
        self._show_text("note", "Loading …")
        try:
            page = await self._source.read(places[-1])
        except StoreError as error:
            self._show_text("note", error_words(error))
            return
        self._pages.show(page, places)
        self._draw(0)

    def action_turn(self, pages: int) -> None:
        if (places := self._pages.turned(pages)) is not None:
            self._turn_to(places)

    def on_option_list_option_selected(self) -> None:
        self.action_look()

    @work(exclusive=True, group="look")
    async def action_look(self) -> None:
        if (archived := self._pointed_at) is not None:
            await self._source.show(archived)

    def action_mark(self) -> None:
        rows, archived = self.query_one(OptionList), self._pointed_at
        if archived is None or rows.highlighted is None:
            return
        self._pages.mark(archived)
        rows.replace_option_prompt_at_index(rows.highlighted, self._prompt(archived))
        if rows.highlighted < rows.option_count - 1:
            rows.action_cursor_down()
        self._show_text("note", self._pages.words)

    def action_restore(self) -> None:
        jobs = tuple(archived.job for archived in self._pages.chosen(self._pointed_at))
        if not jobs or not self._source.may_restore():
            return

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.dismiss(jobs)

        self.app.push_screen(ConfirmDialog(self._source.question(jobs)), answered)

    @property
    def _pointed_at(self) -> ArchivedJob | None:
        place, page = self.query_one(OptionList).highlighted, self._pages.page
        return page.items[place] if place is not None and place < len(page) else None

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self, cursor: int | None = None) -> None:
        """Draw the page. Without `cursor`, the cursor stays at its place."""
        if not self.is_open:
            return
        rows, page = self.query_one(OptionList), self._pages.page
        cursor = (rows.highlighted or 0) if cursor is None else cursor
        room = rows.scrollable_content_region.width - _MARK_CELLS - rows.scrollbar_size_vertical
        self._columns = archive_columns(room, with_project=self._source.has_several_projects)
        self._show_text("titles", f"{' ' * _MARK_CELLS}{archived_titles(self._columns)}" if len(page) else "")
        rows.set_options([Option(self._prompt(archived)) for archived in page])
        rows.highlighted = cursor if len(page) else None
        self._show_text("note", self._pages.words)

    def _prompt(self, archived: ArchivedJob) -> Content:
        mark = pad(f" {MARK}" if self._pages.is_marked(archived) else "", _MARK_CELLS)
        line = archived_line(archived, self._columns, project_names=self._source.project_names, now=self._source.now)
        return Content.assemble((mark, "$text-accent"), *line)

    def _show_text(self, part: str, sentence: str) -> None:
        """Show the sentence. An empty one takes no line."""
        self.say(part, Content(clean(sentence, limit=400)))
        for line in self.query(f"#{part}"):
            line.display = bool(sentence)


class ArchivedJobDialog(SummaryDialog):
    def __init__(self, *, sentence: str, lines: Callable[[tzinfo | None], Sequence[str]], zone: "ShownZone") -> None:
        """`lines` returns the clean facts with their times in a zone."""
        super().__init__(title="Archived job", sentence=sentence, lines=tuple(lines(zone.zone)))
        self._lines_in = lines

    def show_zone(self, zone: "ShownZone") -> None:
        self.query_one("#lines Static", Static).update(Content("\n".join(self._lines_in(zone.zone))))
