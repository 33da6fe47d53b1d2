"""Pick the user to act as; report a deleted user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, assert_never
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from gjobs.store.capabilities.capability import Capability
from gjobs.store.capabilities.facts import USERS
from gjobs.store.errors import RowMissing, StoreError
from gjobs.store.formats import id_range
from gjobs.store.users.actor import ANON, OPERATOR, ActingUser, Actor, Anon, Operator, actor_name
from gjobs.tui.dashboard.action_context import remark_on_acting
from gjobs.tui.dashboard.case.case_actions import show_case_of
from gjobs.tui.dashboard.dialogs.pick import Choice, SearchDialog
from gjobs.tui.dashboard.keys.bindings import APP_BINDINGS, DialogKey, key_of
from gjobs.tui.dashboard.message_board import show_warning
from gjobs.tui.dashboard.navigation import id_choices, id_of, open_by_id
from gjobs.tui.dashboard.widgets import SteadyText
from gjobs.tui.text.format import age, counted_jobs, user_name

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.store.users.user_sql import FoundUser
    from gjobs.tui.dashboard.action_host import ActionHost

OPERATOR_KEY = "operator"
ANON_KEY = actor_name(ANON)
PLACEHOLDER = "Type part of the e-mail, or the beginning of an id"


def user_key(actor: Actor) -> str:
    match actor:
        case ActingUser(id=user_id):
            return str(user_id)
        case Anon():
            return ANON_KEY
        case Operator():
            return OPERATOR_KEY
    assert_never(actor)


def user_choice(user: FoundUser, now: datetime) -> Choice:
    last = f", last {age(user.last_job_at, now)}" if user.last_job_at else ""
    return Choice(key=str(user.id), label=user_name(user), detail=counted_jobs(user.job_count) + last)


def actor_choices(users: Sequence[FoundUser], present: Actor, needle: str, now: datetime) -> list[Choice]:
    """Return the operator, then a visitor and the present user, then the users found.

    A visitor comes before matching users only if exactly `anon` was typed.
    """
    choices = {str(user.id): user_choice(user, now) for user in users}
    itself = Choice(key=OPERATOR_KEY, label=actor_name(OPERATOR), detail="the role in the database URL")
    first = [itself] if needle.casefold() in itself.label else []
    visitor = Choice(key=ANON_KEY, label=ANON_KEY, detail="a visitor who has not signed in")
    if needle in ("", ANON_KEY):
        first.append(visitor)
    if not needle and isinstance(present, ActingUser):
        first.append(choices.pop(str(present.id), Choice(key=str(present.id), label=actor_name(present), detail="")))
    last = [visitor] if visitor not in first and needle.casefold() in ANON_KEY else []
    return [*first, *choices.values(), *last]


def actor_of(key: str, users: Sequence[FoundUser], present: Actor, aal: int = 1) -> Actor:
    """Return the actor of a choice. A user gets this assurance level."""
    if key in (OPERATOR_KEY, ANON_KEY):
        return OPERATOR if key == OPERATOR_KEY else ANON
    if isinstance(present, ActingUser) and key == user_key(present):
        return replace(present, aal=aal)
    email = next((user.email for user in users if str(user.id) == key), None)
    return ActingUser(id=UUID(key), email=email, aal=aal)


_LEVELS = {1: "one factor (aal1)", 2: "two factors (aal2)"}


CASE_OF = "case "
"""Prefix of the answer if the person wants the chosen user's case instead of acting as that user."""


class ActingDialog(SearchDialog):
    """Ask which user to act as, and the assurance level of their sign-in. It also leads to a user's case."""

    DEFAULT_CSS = "ActingDialog #level { color: $foreground-muted; margin-top: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+l",
            "change_level",
            "Level",
            id="acting.level",
            tooltip="Switch the sign-in between one and two factors",
        ),
        DialogKey("ctrl+t", "case", "Case", id="acting.case", tooltip="Create a case of this user, for a ticket"),
    ]

    def __init__(self, *, aal: int, **options: Any) -> None:
        super().__init__(**options)
        self.aal = aal

    def further_parts(self) -> ComposeResult:
        yield SteadyText(id="level")

    def further_keys(self) -> Iterator[tuple[str, str]]:
        yield self.key("acting.level"), "switch sign-in"
        yield self.key("acting.case"), "create a case"
        yield from super().further_keys()

    def on_mount(self) -> None:
        self._show_level()

    def action_change_level(self) -> None:
        self.aal = 3 - self.aal
        self._show_level()

    def action_case(self) -> None:
        """Answer with the user under the cursor, but only once the list belongs to the current text."""
        option = self.query_one(OptionList).highlighted_option
        if not self.is_answered:
            problem = "Still searching. Press the key again once the users are listed."
        elif option is None or option.id is None or id_range(option.id) is None:
            problem = "No user under the cursor. Move to a user first."
        else:
            self.dismiss(f"{CASE_OF}{option.id}")
            return
        show_warning(self.app, problem)

    def _show_level(self) -> None:
        words = f"The sign-in of the user: {_LEVELS[self.aal]}"
        self.query_one("#level", SteadyText).say(Content(words))


async def pick_acting_user(host: ActionHost, *, compare_visibility: bool = False) -> None:
    """Pick the operator or a user that the operator sees. For visibility, offer only users.

    If an id is given, open its job, project or asset instead.
    """
    session = host.poller.session
    if session is None:
        show_warning(host.app, "Not connected to a database yet.")
        return
    operator = session.operator
    present = (host.poller.store or session.store).actor
    found: dict[UUID, FoundUser] = {}

    async def search(needle: str) -> Sequence[Choice]:
        users = await operator.find_users(needle)
        found.update((user.id, user) for user in users)
        if compare_visibility:
            return [user_choice(user, host.dashboard.now) for user in users]
        return actor_choices(users, present, needle, host.dashboard.now)

    dialog = ActingDialog(
        aal=present.aal if isinstance(present, ActingUser) else 1,
        title="Visibility: which user?" if compare_visibility else "Act as which user?",
        search=search,
        placeholder=PLACEHOLDER,
        chosen=user_key(present),
        beside=id_choices,
        remark=remark_on_acting(session.capabilities),
    )
    dialog.help_topic = "visibility" if compare_visibility else ""
    picked = await host.app.push_screen_wait(dialog)
    if picked is None:
        return
    if (text := id_of(picked)) is not None:
        await open_by_id(host, text)
        return
    if picked.startswith(CASE_OF):
        user = actor_of(picked.removeprefix(CASE_OF), list(found.values()), present)
        if isinstance(user, ActingUser):
            await show_case_of(host, user)
        return
    actor = actor_of(picked, list(found.values()), present, dialog.aal)
    if actor != present:
        host.act_as(operator.acting_as(actor), compare_visibility=compare_visibility)


async def pick_owner(host: ActionHost, operator: Store) -> UUID | None:
    """Pick the owner of a new project. Return None if nobody was picked."""
    return await pick_user(host, operator, "Whose project?")


async def pick_user(host: ActionHost, operator: Store, title: str) -> UUID | None:
    """Return None if nobody was picked."""

    async def search(needle: str) -> Sequence[Choice]:
        return [user_choice(user, host.dashboard.now) for user in await operator.find_users(needle)]

    picked = await host.app.push_screen_wait(SearchDialog(title=title, search=search, placeholder=PLACEHOLDER))
    return UUID(picked) if picked else None


async def report_if_deleted(host: ActionHost, store: Store, user: ActingUser) -> None:
    """Report that `user` was deleted. Call it when `store` returns no rows for `user`."""
    session = host.poller.session
    if session is None:
        return
    operator = session.operator
    with suppress(StoreError):
        capabilities = await operator.capability_cache.get()
        if capabilities.missing(Capability.USERS, OPERATOR) is not None or capabilities.facts.may_hide(USERS):
            return  # Deletion can't be detected if users are unreadable or partly hidden.
        try:
            await operator.find_actor(str(user.id))
        except RowMissing:
            if store is not host.poller.store:
                return  # The actor has changed since.
            key = key_of(host.app, APP_BINDINGS, "app.user")
            text = f"{actor_name(user)} sees nothing, because the user was deleted. Press {key} to act as another user."
            show_warning(host.app, text)
