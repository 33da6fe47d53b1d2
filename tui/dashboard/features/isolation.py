"""Isolation check: dialog, session and texts."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import StoreError
from gjobs.store.isolation.isolation import (
    PROBED,
    Participant,
    Probe,
    ProbeMethod,
    ProbePlan,
    ProbeVerdict,
    Verb,
    attempt_words,
    person_name,
    why_no_writes,
)
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor, actor_name
from gjobs.store.values.data_classes import by_member
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import DIALOG, bind
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog, SqlDialog
from gjobs.tui.dashboard.dialogs.list_dialog import RowsDialog
from gjobs.tui.dashboard.features.navigation import pick_user
from gjobs.tui.dashboard.panels.tour import TourStep
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import RowList, SteadyText
from gjobs.tui.session import Session
from gjobs.tui.text.clean_text import clean, pad
from gjobs.tui.text.error_text import error_message, error_words
from gjobs.tui.text.write_text import Confirmation, where

_LONGEST_NAME = 60

_VERBS = by_member(
    Verb,
    {
        Verb.READ: "read",
        Verb.INSERT_INTO: "insert into project",
        Verb.INSERT_AS: "insert as owner",
        Verb.UPDATE: "update",
        Verb.DELETE: "delete",
    },
)
_MARKS = by_member(
    ProbeVerdict,
    {
        ProbeVerdict.KEPT: ("✓ kept", "$text-success"),
        ProbeVerdict.LEAK: ("✗ LEAK", "bold $text-error"),
        ProbeVerdict.UNKNOWN: ("? unknown", "$text-warning"),
    },
)
"""The mark of a verdict and its style."""
_NOTES = by_member(
    ProbeMethod,
    {ProbeMethod.TRIED: "", ProbeMethod.JUDGED: "judged: ", ProbeMethod.NOT_TRIED: "not tried: "},
)


def answer_words(probe: Probe) -> str:
    """Return the database's answer as clean text. If the database was not asked, the text begins with a note that
    says so.
    """
    return f"{_NOTES[probe.how]}{clean(probe.answer, limit=1_000)}"


def who(person: Participant) -> str:
    return clean(person_name(person), limit=_LONGEST_NAME)


def summary_words(probes: Sequence[Probe]) -> str:
    counts = Counter(probe.verdict for probe in probes)
    leaks = counts[ProbeVerdict.LEAK]
    parts = [f"{leaks} leak{'' if leaks == 1 else 's'}" if leaks else "No leak", f"{counts[ProbeVerdict.KEPT]} kept"]
    if counts[ProbeVerdict.UNKNOWN]:
        parts.append(f"{counts[ProbeVerdict.UNKNOWN]} unknown")
    judged = sum(probe.how is ProbeMethod.JUDGED for probe in probes)
    return ", ".join(parts) + (f"; {judged} judged from the policies, not tried" if judged else "")


def confirm_tries(plan: ProbePlan, *, database: str) -> Confirmation:
    return Confirmation(
        title="Try the writes?",
        lines=(
            f"gjobs tries to insert, update and delete as {who(plan.other)}.",
            f"It uses rows of {who(plan.owner)}: a finished job,",
            "an asset without jobs, and a project without jobs.",
            "It creates those that are missing.",
            "gjobs rolls back each try at once,",
            "including any changes made by triggers.",
            "",
            where(database),
        ),
        agree="Try",
        declined="Nothing was tried. {key} tries the writes.",
    )


def confirm_check(actor: Actor, *, database: str, why_no_writes: str | None) -> Confirmation:
    """Return the confirmation before a user's check, which runs as operator."""
    name = clean(actor_name(actor), limit=_LONGEST_NAME)
    other = name if isinstance(actor, ActingUser) else "another user"
    tries = "It creates rows that are missing, and rolls back each try." if why_no_writes is None else why_no_writes
    return Confirmation(
        title="Check isolation as the operator?",
        lines=(
            f"You act as {name}. Only the operator sees every user's rows.",
            f"The check tries {len(PROBED)} ways to reach a user's rows as {other}.",
            tries,
            f"Afterwards you still act as {name}.",
            "",
            where(database),
        ),
        agree="Check",
        declined="Nothing was checked. {key} starts the check.",
    )


_WRITES, _FIX, _STOP = "isolation.writes", "isolation.mend", "isolation.stop"
_TRYING = "trying"
_TARGET_WIDTH, _VERB_WIDTH, _MARK_WIDTH = 11, 21, 11
_NARROW_MARK = len("✓ kept")
_LONGEST_ROW = _TARGET_WIDTH + _VERB_WIDTH + _MARK_WIDTH
"""Cells of a row without its answer. A narrower list shows the verdict first."""
_LOWER, _LOWEST = 16, 11
"""A screen with fewer lines has shorter texts, then only rows, verdict and keys."""


class IsolationDialog(RowsDialog[Probe, None]):
    """Try the reads at once. Judge the writes from the policies, and try them only on request."""

    LOW = 31
    """Without empty lines, 24 lines show all rows."""
    DEFAULT_CSS = """
    IsolationDialog {
        #dialog { width: 116; height: 96%; max-height: 30; padding: 0 2; overflow: hidden; }
        OptionList { height: 1fr; min-height: 1; margin-top: 1; text-overflow: ellipsis; }
        #answer { height: 3; margin-top: 1; color: $foreground; }
        #foot { dock: bottom; height: auto; }
        #progress { height: auto; max-height: 3; }
        #keys { height: auto; max-height: 2; margin-top: 1; color: $foreground-muted; }

        &.-low {
            OptionList, #answer, #keys { margin-top: 0; }
            #answer { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        }
        &.-lower {
            #dialog { padding: 0 1; }
            #who { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        }
        &.-lowest {
            #who, #answer { display: none; }
            #progress { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("isolation.close", "q", "Close", "Close the isolation check", action="leave"),
        bind("isolation.writes", "w", "Try writes", "Try the writes too, and roll each back", DIALOG, "try_writes"),
        bind("isolation.mend", "m", "Fix", "Show the SQL that fixes the leak", DIALOG, "fix"),
        bind("isolation.again", "r", "Again", "Run the check again", action="again"),
        bind("isolation.stop", "x", "Stop", "Stop the check", action="stop"),
        bind("isolation.owner", "o", "Owner", "Choose the owner of the rows", DIALOG, "pick('owner')"),
        bind("isolation.other", "u", "User", "Choose the user that the check acts as", DIALOG, "pick('other')"),
    ]
    HINTS = (_WRITES, _FIX, "isolation.owner", "isolation.other", "isolation.again", _STOP, "dialog.leave")
    help_topic = "isolation"

    def __init__(
        self, host: ActionHost, session: Session, *, other_id: UUID | None = None, tries_writes: bool = False
    ) -> None:
        """`tries_writes` means that the user has already agreed to the first check's writes."""
        super().__init__()
        self._host = host
        self._session = session
        self._operator = session.operator
        self._tries_writes = tries_writes
        self._plan: ProbePlan | None = None
        self._user_ids: dict[str, UUID | None] = {"owner": None, "other": other_id}
        self._active_checks = 0
        """The number of running checks. A cancelled one can end after the next one has started."""
        self._has_write_tries = False
        """Whether the last check has tried the writes, or is about to."""

    def compose(self) -> ComposeResult:
        with self.box("Isolation"):
            yield SteadyText(id="who")
            yield RowList(id="probes", markup=False, compact=True)
            yield SteadyText(id="answer")
            with Vertical(id="foot"):
                yield SteadyText(id="progress")
                yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.call_after_refresh(self.action_again, tries_writes=self._tries_writes)

    def on_resize(self) -> None:
        self.set_class(self.size.height < _LOWER, "-lower")
        self.set_class(self.size.height < _LOWEST, "-lowest")

    # Running the check

    def action_try_writes(self) -> None:
        if self._plan is None:
            show_warning(self.app, "The check has not found two users yet.")
        elif (why := why_no_writes(self._session.access)) is not None:
            show_warning(self.app, why)
        else:
            plan = self._plan
            question = confirm_tries(plan, database=self._session.full_name)
            self.confirm(question, lambda: self.action_again(plan, tries_writes=True))

    def action_stop(self) -> None:
        if self.workers.cancel_group(self, _TRYING):
            self._has_write_tries = False
            self.set_part("progress", Content.styled(f"Stopped after {self._progress()}.", "$text-warning"))

    @work(exclusive=True, group="picking")
    async def action_pick(self, who: str) -> None:
        title = "Whose rows?" if who == "owner" else "Which user tries to access them?"
        picked = await pick_user(self._host, self._operator, title)
        if picked is None:
            return
        if picked in (chosen for role, chosen in self._user_ids.items() if role != who):
            show_warning(self.app, "The check needs two different users.")
        else:
            self._user_ids[who] = picked
            self.action_again()

    @on(OptionList.OptionSelected)
    def action_fix(self) -> None:
        probe = self.row_under_cursor
        if probe is None or probe.verdict is not ProbeVerdict.LEAK:
            show_warning(self.app, "No leak in this row.")
        else:
            self.run_worker(self._show_remedy(probe), group="mending", exclusive=True)

    async def _show_remedy(self, probe: Probe) -> None:
        """Show the SQL that fixes the leak, if it is known."""
        from gjobs.store.isolation.isolation_check import find_leak_fixes

        try:
            sql = (await find_leak_fixes(self._operator.database)).get((probe.target, probe.verb))
        except StoreError as error:
            show_message(self.app, error_message(error))
            return
        if sql is None:
            show_warning(self.app, "No known SQL fixes this leak. Check the policies of the table.")
        elif self.app.screen is self:
            self.app.push_screen(SqlDialog(sql))

    def action_again(self, plan: ProbePlan | None = None, *, tries_writes: bool = False) -> None:
        """Cancel the running probes, which leave no changes behind. Then try the reads, and try or judge the writes.

        Without a plan, find the two users first. Only trying the writes needs a confirmation.
        """
        self._plan, self._has_write_tries, self.rows = plan, tries_writes, ()
        self.draw()
        self._run_check(tries_writes=tries_writes)

    @work(exclusive=True, group=_TRYING)
    async def _run_check(self, *, tries_writes: bool) -> None:
        self._active_checks += 1
        self._draw_keys()
        try:
            await self._try(tries_writes=tries_writes)
        except StoreError as error:
            self._has_write_tries = False
            self.set_part("progress", Content.styled(error_words(error), "bold $text-error"))
        finally:
            self._active_checks -= 1
            self._draw_keys()

    async def _try(self, *, tries_writes: bool) -> None:
        from gjobs.store.isolation.isolation_check import plan_probes, run_probes

        database = self._operator.database
        if self._plan is None:
            self.set_part("progress", Content("Finding two users …"))
            owner_id, other_id = self._user_ids["owner"], self._user_ids["other"]
            self._plan = await plan_probes(database, owner_id=owner_id, other_id=other_id)
            self.draw()
        async for probe in run_probes(database, self._plan, tries_writes=tries_writes):
            self.rows = (*self.rows, probe)
            self._draw_row(len(self.rows) - 1)
            self.set_part("progress", Content(f"Trying … {self._progress()}"))
        style = "bold $text-error" if self._has_leak else "bold $text-success"
        judged = ""
        if any(probe.how is ProbeMethod.JUDGED for probe in self.rows):
            why = why_no_writes(self._session.access)
            judged = f" {why or f'Press {self.key(_WRITES)} to try the writes.'}"
        summary = f"{summary_words(self.rows)}."
        self.set_part("progress", Content.assemble((summary, style), (judged, "$foreground-muted")))

    @property
    def _has_leak(self) -> bool:
        return any(probe.verdict is ProbeVerdict.LEAK for probe in self.rows)

    def _progress(self) -> str:
        return f"{len(self.rows)} of {len(PROBED)}"

    # Drawing

    def _draw_keys(self) -> None:
        if self.is_open:
            keys = [name for name in self.HINTS if self._has_leak or name != _FIX]
            self.set_part("keys", self.keys_line(keys, width=self.query_one("#foot").size.width or None))

    @property
    def hidden_keys(self) -> frozenset[str]:
        can_try_writes = why_no_writes(self._session.access) is None and not self._has_write_tries
        return frozenset((*(() if can_try_writes else (_WRITES,)), *(() if self._active_checks else (_STOP,))))

    def draw(self) -> None:
        if not self.is_open:
            return
        self._draw_keys()
        rows = self.row_list
        place = rows.highlighted
        rows.set_options([Option(self._row(index)) for index in range(len(PROBED))])
        rows.highlighted = place or 0
        self.set_part("who", self._who())
        self._draw_answer()

    def _draw_row(self, index: int) -> None:
        if self.is_open:
            self.row_list.replace_option_prompt_at_index(index, self._row(index))
            self._draw_answer()
            self._draw_keys()

    def _who(self) -> Content:
        muted = "$foreground-muted"
        database = ("Database: ", muted), (clean(self._session.full_name, limit=60), "bold")
        if self._plan is None:
            return Content.assemble(*database, "\n", ("Every try is rolled back.", muted))
        names = Content.assemble(
            (who(self._plan.other), "bold $text-accent"),
            (" tries to reach rows of ", muted),
            (who(self._plan.owner), "bold $text-accent"),
        )
        # The lower border names the database, too.
        return names if self.is_low else Content.assemble(*database, ("  every try is rolled back\n", muted), names)

    def _row(self, index: int) -> Content:
        target, verb = PROBED[index]
        is_first = index == 0 or PROBED[index - 1][0] is not target
        name = pad(target.value if is_first else "", _TARGET_WIDTH)
        start = Content.assemble(" ", (name, "bold"), pad(_VERBS[verb], _VERB_WIDTH))
        probe = self.rows[index] if index < len(self.rows) else None
        mark, style, answer = "", "", ""
        if probe is not None:
            (mark, style), answer = _MARKS[probe.verdict], answer_words(probe)
        if self._is_narrow:
            return Content.assemble((f"{mark:<{_NARROW_MARK}} ", style), (target.value, "bold"), f" {_VERBS[verb]}")
        return Content.assemble(start, (pad(mark, _MARK_WIDTH), style), answer)

    @property
    def _is_narrow(self) -> bool:
        return self.row_list.scrollable_content_region.width <= _LONGEST_ROW

    @on(OptionList.OptionHighlighted)
    def _draw_answer(self) -> None:
        """Show the full text of the row, which may be cut in the list."""
        index = self.row_list.highlighted
        if index is None or self._plan is None:
            self.set_part("answer", Content())
            return
        answer = answer_words(self.rows[index]) if index < len(self.rows) else "…"
        # In a narrow list, rows omit the answer. If the screen is also low, the single line below shows only the
        # answer.
        attempt = "" if self.is_low and self._is_narrow else f"{attempt_words(*PROBED[index])}."
        gap = (" " if self.is_low else "\n") if attempt else ""
        self.set_part("answer", Content.assemble((attempt, "$foreground-muted"), gap, answer))


async def show_isolation(host: ActionHost, session: Session, store: Store) -> None:
    """Check isolation as the operator, who sees all rows. The actor of the dashboard stays.

    If the check acts for a user, confirm first, because gjobs runs it as operator.
    """
    if session.capabilities and (missing := session.capabilities.missing(Capability.ACTING)):
        show_warning(host, f"gjobs cannot act as a user here. {missing.words}")
        return
    actor, why = store.actor, why_no_writes(session.access)
    is_users = actor != OPERATOR
    question = confirm_check(actor, database=session.full_name, why_no_writes=why)
    if is_users and not await host.push_screen_wait(ConfirmDialog(question)):
        return
    other_id = actor.id if isinstance(actor, ActingUser) else None
    # The session may have become read-only while the question was open.
    tries_writes = is_users and why_no_writes(session.access) is None
    await host.push_screen_wait(IsolationDialog(host, session, other_id=other_id, tries_writes=tries_writes))
    host.tour.do(TourStep.ISOLATION)
