"""The archived jobs, page by page: one is looked at, one or marked ones come back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from store.errors import StoreError
from store.model import GenerationJob, Page, PageKey
from store.retention.model import ArchivedJob
from tui.archive_pages import FIRST, ArchivePages, Places
from tui.screens.confirm import ConfirmDialog
from tui.screens.dialog import Dialog
from tui.widgets.steady_text import SteadyText
from tui.words.archive_rows import ArchiveColumn, archive_columns, archived_line, archived_titles
from tui.words.confirmations import Confirmation
from tui.words.text import clean, pad
from tui.words.toast import error_words

_KEYS = {
    "archive.look": "look",
    "archive.mark": "mark",
    "archive.restore": "restore",
    "archive.newer": "newer",
    "archive.older": "older",
    "dialog.leave": "close",
}


_MARK_CELLS = 3


class ArchiveDialog(Dialog[tuple[GenerationJob, ...]]):
    """Answers the jobs to restore, after a question. It holds one page, and what was marked."""

    DEFAULT_CSS = """
    ArchiveDialog {
        #dialog { width: 112; }
        OptionList { max-height: 50vh; text-wrap: nowrap; text-overflow: ellipsis; }
        OptionList:focus { background-tint: $foreground 0%; }
        #titles { text-wrap: nowrap; }
        #titles, #note, #keys { color: $foreground-muted; }
        #count { margin-bottom: 1; }
        #note, #keys { margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close", id="archive.close", tooltip="Back to the dashboard"),
        Binding("enter", "look", "Look", id="archive.look", tooltip="Show everything about this archived job"),
        Binding("space", "mark", "Mark", id="archive.mark", tooltip="Mark this archived job and go down"),
        Binding("r", "restore", "Restore", id="archive.restore", tooltip="Bring it back, or the marked ones"),
        Binding("left,h", "turn(-1)", "Newer", id="archive.newer", tooltip="Turn to the page of newer ones"),
        Binding("right,l", "turn(1)", "Older", id="archive.older", tooltip="Turn to the page of older ones"),
    ]

    def __init__(
        self,
        *,
        of: str,
        read: Callable[[PageKey | None], Awaitable[Page[ArchivedJob]]],
        count: Callable[[], Awaitable[str]],
        look: Callable[[ArchivedJob], Awaitable[None]],
        question: Callable[[Sequence[GenerationJob]], Confirmation],
        may_restore: Callable[[], bool],
        project_names: Mapping[UUID, str],
        with_project: bool,
        now: datetime,
    ) -> None:
        """`of` names the project, or all of them, and is clean. `read` takes where a page begins; `count` says how many
        there are, and `look` shows one. `may_restore` says why where that may not be.
        """
        super().__init__()
        self._of = of
        self._read = read
        self._count = count
        self._look_at = look
        self._question = question
        self._may_restore = may_restore
        self._project_names = project_names
        self._with_project = with_project
        self._columns: Sequence[ArchiveColumn] = ()
        self._now = now
        self._pages = ArchivePages()

    def compose(self) -> ComposeResult:
        with self.box(f"Archive · {self._of}"):
            yield SteadyText(id="count")
            yield SteadyText(id="titles")
            yield OptionList(id="archived", markup=False, compact=True)
            yield SteadyText(id="note")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.query_one("#keys", SteadyText).say(self.keys_line(_KEYS))
        self._turn_to(FIRST)
        self._tell_count()

    @work(exclusive=True, group="count")
    async def _tell_count(self) -> None:
        self._say("count", "Counting …")
        try:
            self._say("count", await self._count())
        except StoreError as error:
            self._say("count", f"Not counted: {error_words(error)}")

    @work(exclusive=True, group="page")
    async def _turn_to(self, places: Places) -> None:
        self._say("note", "Looking …")
        try:
            page = await self._read(places[-1])
        except StoreError as error:
            self._say("note", error_words(error))
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
            await self._look_at(archived)

    def action_mark(self) -> None:
        rows, archived = self.query_one(OptionList), self._pointed_at
        if archived is None or rows.highlighted is None:
            return
        self._pages.mark(archived)
        rows.replace_option_prompt_at_index(rows.highlighted, self._prompt(archived))
        if rows.highlighted < rows.option_count - 1:
            rows.action_cursor_down()
        self._say("note", self._pages.words)

    def action_restore(self) -> None:
        jobs = tuple(archived.job for archived in self._pages.chosen(self._pointed_at))
        if not jobs or not self._may_restore():
            return

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.dismiss(jobs)

        self.app.push_screen(ConfirmDialog(self._question(jobs)), answered)

    @property
    def _pointed_at(self) -> ArchivedJob | None:
        place, page = self.query_one(OptionList).highlighted, self._pages.page
        return page.items[place] if place is not None and place < len(page) else None

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: self._draw(self.query_one(OptionList).highlighted or 0))

    def _draw(self, cursor: int) -> None:
        if not self.is_open:
            return
        rows, page = self.query_one(OptionList), self._pages.page
        room = rows.scrollable_content_region.width - _MARK_CELLS - rows.scrollbar_size_vertical
        self._columns = archive_columns(room, with_project=self._with_project)
        self._say("titles", f"{' ' * _MARK_CELLS}{archived_titles(self._columns)}" if len(page) else "")
        rows.set_options([Option(self._prompt(archived)) for archived in page])
        rows.highlighted = cursor if len(page) else None
        self._say("note", self._pages.words)

    def _prompt(self, archived: ArchivedJob) -> Content:
        mark = pad(" ●" if self._pages.is_marked(archived) else "", _MARK_CELLS)
        line = archived_line(archived, self._columns, project_names=self._project_names, now=self._now)
        return Content.assemble((mark, "$text-accent"), *line)

    def _say(self, where: str, sentence: str) -> None:
        if self.is_open:
            line = self.query_one(f"#{where}", SteadyText)
            line.display = bool(sentence)
            line.say(Content(clean(sentence, limit=400)))
