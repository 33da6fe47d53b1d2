"""What a database offers to a login, and for what it does not offer, why.

These values need no driver. `probing` asks a database, and `probed` keeps its answer.
"""

from store.capabilities.capabilities import Capabilities
from store.capabilities.facts import ASSETS, JOBS, PROJECTS, ROLE_OF_USERS, USERS, Facts
from store.capabilities.feature import Feature
from store.capabilities.off import Off
from store.capabilities.rules import OLDEST_MIGRATED, OLDEST_READ

__all__ = [
    "ASSETS",
    "JOBS",
    "OLDEST_MIGRATED",
    "OLDEST_READ",
    "PROJECTS",
    "ROLE_OF_USERS",
    "USERS",
    "Capabilities",
    "Facts",
    "Feature",
    "Off",
]
