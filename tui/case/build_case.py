"""Builds a case: reads it with versions and settings, and redacts it."""

import asyncio
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, tzinfo
from enum import Enum
from importlib.metadata import version
from typing import Any

from gjobs.store.case.case import Case, CasePerson
from gjobs.store.case.read_case import read_case
from gjobs.store.configuration.settings import WriteMode
from gjobs.store.doctor.examine import read_revision
from gjobs.store.jobs.job import Asset
from gjobs.store.values.data_classes import by_member
from gjobs.tui.case.redaction import Redactor, placeholder_counts, redacted_group, shortened
from gjobs.tui.case.secret_patterns import SecretKind
from gjobs.tui.session import Session

_ACCESS: Mapping[WriteMode, str] = by_member(
    WriteMode,
    {
        WriteMode.OPEN: "writes allowed",
        WriteMode.PERMIT_REQUIRED: "read-only unless permitted",
        WriteMode.CLOSED: "read-only",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltCase:
    """A case that is ready to be written."""

    case: Case
    database: str
    """Never redacted: the ticket must name the database. It holds no password."""
    placeholders: frozenset[str] | None
    """All that stand for redacted values. None if redaction is off."""
    zone: tzinfo = UTC
    """The time zone of the Markdown."""

    def counts_in(self, text: str) -> Mapping[SecretKind, int] | None:
        """Return the number of different redacted values in a text, by kind. None if redaction is off."""
        return None if self.placeholders is None else placeholder_counts(text, self.placeholders)


async def read_whole_case(
    session: Session,
    person: CasePerson,
    *,
    at: datetime | None = None,
    report: Callable[[str], object] = lambda _: None,
) -> Case:
    """Read the case as the operator, and add versions and settings. Raises StoreError."""
    settings, label = await _settings(session), session.address or session.label
    return await read_case(session.operator, person, label=label, settings=settings, at=at, report=report)


async def prepared(case: Case, database: str, *, redacts: bool, zone: tzinfo = UTC) -> BuiltCase:
    """Redact the case in a thread, because long texts take a moment."""
    return await asyncio.to_thread(prepare, case, database, redacts=redacts, zone=zone)


def prepare(case: Case, database: str, *, redacts: bool, zone: tzinfo = UTC) -> BuiltCase:
    """Redact the case, or only shorten its longest texts. The user of the case keeps their e-mail, and ids stay."""
    if not redacts:
        return BuiltCase(case=changed(case, shortened), database=database, placeholders=None, zone=zone)
    ids = [case.user.id, *(job.id for job in case.jobs), *(one.id for one in case.projects)]
    redactor = Redactor(keeps=[case.user.email] if case.user.email else [], ids=ids)
    redacted = changed(replace(case, failures=None), redactor.text, redactor.path)
    if (failures := case.failures) is not None:
        groups = tuple(redacted_group(one, redactor.text) for one in failures.groups)
        redacted = replace(redacted, failures=replace(failures, groups=groups))
    return BuiltCase(case=redacted, database=database, placeholders=redactor.placeholders, zone=zone)


def changed(value: Any, text: Callable[[str], str], path: Callable[[str], str] | None = None) -> Any:
    """Return the value with all of its texts changed, however deep. `path` changes storage paths."""
    match value:
        case Enum():
            return value
        case str():
            new = text(value)
            # Texts such as UnknownStatus keep their class.
            return new if type(value) is str else type(value)(new)
        case Asset() if path is not None:
            return replace(value, storage_path=path(value.storage_path), kind=text(value.kind), mode=text(value.mode))
        case tuple():
            return tuple([changed(one, text, path) for one in value])
        case frozenset():
            return frozenset(changed(one, text, path) for one in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes = {one.name: changed(getattr(value, one.name), text, path) for one in fields(value) if one.init}
    return replace(value, **changes)


async def _settings(session: Session) -> tuple[tuple[str, str], ...]:
    capabilities = await session.operator.capability_cache.get()
    facts, profile = capabilities.facts, session.profile
    revision = await read_revision(session.operator.database, capabilities)
    found = {
        "gjobs": version("gjobs"),
        "Python": f"{platform.python_version()} on {platform.system()}",
        "PostgreSQL": f"{facts.version}{', a replica' if facts.is_replica else ''}",
        "Schema": f"revision {revision}" if revision else "the app's own",
        "Login": facts.login,
        "Connection": "encrypted" if facts.transport.is_encrypted else "not encrypted",
        "Access": _ACCESS[WriteMode.CLOSED if session.access.is_closed else session.access.rule],
        "Profile": profile.name or "none",
    }
    if profile.statement_timeout is not None:
        found["Statement timeout"] = f"{profile.statement_timeout:g} s"
    if facts.behind_pooler:
        found["Pooler"] = "yes"
    return tuple(found.items())
