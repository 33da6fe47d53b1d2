"""A Postgres of our own, for machines that have Python and nothing else.

The first user starts it, users share it, and it stops some seconds after the last one. POSIX only, and synchronous:
in a coroutine, call these in a thread. A name is imported when it is used, so that asking where the data directory
is costs little."""
