"""A refusal of the server says what was refused; what is missing, and what brings it, the catalogue knows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from store.actor import Actor
from store.capabilities.feature import Feature
from store.capabilities.probed import Probed
from store.errors import NoPrivilege, SchemaMissing


@asynccontextmanager
async def explained(probed: Probed, actor: Actor, needs: Feature) -> AsyncIterator[None]:
    """Inside, the server is asked for what takes this feature."""
    try:
        yield
    except (NoPrivilege, SchemaMissing) as error:
        if error.sqlstate is None or (off := await probed.off_since(needs, actor)) is None:
            raise
        kind = NoPrivilege if isinstance(error, NoPrivilege) else SchemaMissing
        raise kind(off.reason, hint=off.hint, sqlstate=error.sqlstate) from error
    if probed.latest is not None and probed.latest.off(needs, actor) is not None:
        # It has been granted since.
        await probed.renew_if_possible()
