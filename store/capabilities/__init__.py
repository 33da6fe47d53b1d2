"""What a database offers to a login, and for what it does not offer, why."""

from store.capabilities.capabilities import Capabilities, Feature
from store.capabilities.facts import ASSETS, JOBS, PROJECTS, ROLE_OF_USERS, USERS, Facts
from store.capabilities.off import Off
from store.capabilities.probe import probe
from store.capabilities.probed import Probed
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
    "Probed",
    "probe",
]
