"""What a database offers to a login, and for what it does not offer, why."""

from store.capabilities.capabilities import Capabilities, Feature
from store.capabilities.facts import Facts
from store.capabilities.off import Off
from store.capabilities.probe import probe
from store.capabilities.probed import Probed

__all__ = ["Capabilities", "Facts", "Feature", "Off", "Probed", "probe"]
