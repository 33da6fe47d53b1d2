"""The only place that runs SQL.

Each call is one short, explicit transaction. Its first statement sets the time-outs. For a user, it also sets the role
and the claims. These settings end with the transaction, so a transaction pooler may stand in between.
Reads are READ ONLY in the database, and so is every transaction of a read-only session.
"""
