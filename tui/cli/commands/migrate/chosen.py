"""The database whose schema is meant."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import assert_never

from store.settings import EmbeddedTarget, Settings, UrlTarget
from store.writing.write_access import WriteRule
from tui.cli.output import say


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    conninfo: Mapping[str, str | int]
    label: str
    is_ours: bool
    """The embedded one, which every command migrates by itself."""
    alone: AbstractContextManager[None]
    """Inside, no other command of ours migrates it."""


@contextmanager
def chosen_database(settings: Settings) -> Iterator[Database]:
    """Our own server is started, and not migrated as the other commands do: that is what these are about."""
    match settings.target:
        case EmbeddedTarget(data_dir=data_dir):
            from store.embedded import open_server

            with open_server(data_dir, report=say) as lease:
                yield Database(conninfo=lease.conninfo, label="embedded", is_ours=True, alone=lease.preparing())
        case UrlTarget() as target:
            from store.connecting.connection_url import label, parameters

            conninfo = parameters(target)
            address = label(conninfo)
            name = f"{settings.profile.label} ({address})" if settings.profile else address
            yield Database(conninfo=_signing_in(target, conninfo), label=name, is_ours=False, alone=nullcontext())
        case _:
            assert_never(settings.target)


def command_up(settings: Settings) -> str:
    """What a person types so that the schema is brought up."""
    return "gjobs migrate up --write REASON" if settings.write_rule is WriteRule.LEASED else "gjobs migrate up"


def _signing_in(target: UrlTarget, conninfo: Mapping[str, str | int]) -> Mapping[str, str | int]:
    """With the password that a command gives, for those who connect without waiting for others."""
    if not target.password_command:
        return conninfo
    import asyncio

    from store.connecting.password_command import PasswordCommand

    return {**conninfo, "password": asyncio.run(PasswordCommand(target.password_command).get())}
