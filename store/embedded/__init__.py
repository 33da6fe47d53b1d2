"""The embedded Postgres, for machines that have Python and nothing else.

The first client starts the server, clients share it, and it stops some seconds after the last one left. POSIX only.
All calls block: in a coroutine, run them in a thread.
"""
