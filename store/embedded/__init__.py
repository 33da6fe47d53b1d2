"""The embedded Postgres, for machines that have only Python.

The first client starts the server, and clients share it. It stops some seconds after the last client leaves.
POSIX only. All calls block, so run them in a thread from a coroutine.
"""
