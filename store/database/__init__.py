"""The one place that runs SQL.

Each call is one short explicit transaction. Its first statement sets the time-outs and, for a user, the role and the
claims, for this transaction only. Nothing outlives the transaction, so a transaction pooler can stand in between.
Reads, and all transactions of a read-only session, are READ ONLY in the database.
"""
