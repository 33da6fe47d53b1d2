"""The one place that runs SQL.

Each call is one short explicit transaction. Its first statement sets, for this transaction alone, the time-outs
and, for a user, role and claims: nothing outlives it, so a transaction pooler can stand between. A reader's
transaction is READ ONLY in the database, and so is every transaction of a session that may not write.
"""

from store.database.database import Database
from store.database.identity import ROLE_OF_USERS
from store.database.limits import TimeLimits
from store.database.listening import Listening
from store.database.query import Query
from store.database.standing_by import StandingBy
from store.database.transactions import Snapshot, WriteTransaction

__all__ = [
    "ROLE_OF_USERS",
    "Database",
    "Listening",
    "Query",
    "Snapshot",
    "StandingBy",
    "TimeLimits",
    "WriteTransaction",
]
