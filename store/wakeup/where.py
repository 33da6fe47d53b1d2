"""Where listening may be tried at all. Pure."""

from store.capabilities.facts import Facts
from store.configuration.profiles import Pooler


def may_listen(facts: Facts, pooler: Pooler | None) -> bool:
    """`pooler` is what the profile says of one; None where it says nothing.

    Behind a pooler by transaction LISTEN is accepted, hears nothing, and stays behind on the server's connection: so it
    is not even tried where one may stand.
    """
    if facts.is_replica or not facts.is_managed or pooler is Pooler.TRANSACTION:
        return False
    return pooler is Pooler.SESSION or not facts.behind_pooler
