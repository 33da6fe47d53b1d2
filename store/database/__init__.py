"""The one place that runs SQL.

Each call is one short explicit transaction. Its first statement sets, for this transaction alone, the time-outs
and, for a user, role and claims: nothing outlives it, so a transaction pooler can stand between. A reader's
transaction is READ ONLY in the database, and so is every transaction of a session that may not write."""
