"""Whether one user reaches what is another's: tried against the database, or judged from its policies."""

from store.isolation.check import attempt, prepare
from store.isolation.model import How, Person, Plan, Probe, Thing, Verb, Verdict

__all__ = ["How", "Person", "Plan", "Probe", "Thing", "Verb", "Verdict", "attempt", "prepare"]
