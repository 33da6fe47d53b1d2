"""A Postgres with the extension pg_trgm. The embedded one does not have it."""

from pathlib import Path

from gjobs.store.embedded.cluster import find_binaries

SCHEMA = "extensions"
"""The schema of extensions in a hosted project."""

WORD_INDEX = (
    f"CREATE EXTENSION pg_trgm WITH SCHEMA {SCHEMA};",
    (
        "CREATE INDEX CONCURRENTLY gjobs_words ON public.generation_jobs"
        f" USING gin (lower(mode) {SCHEMA}.gin_trgm_ops, lower(error) {SCHEMA}.gin_trgm_ops)"
        " WITH (gin_pending_list_limit = 64);"
    ),
    "ANALYZE public.generation_jobs;",
)
"""The statements that the doctor prints."""


def programs_with_trigrams() -> Path | None:
    """Return the directory of Postgres programs with pg_trgm: the embedded ones or the system's newest; None without
    any.
    """
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(installed, key=lambda programs: int(programs.parent.name), reverse=True)
    return next((programs for programs in (find_binaries().directory, *newest_first) if _has_trigrams(programs)), None)


def _has_trigrams(programs: Path) -> bool:
    # A prefix of its own, or Debian's layout.
    return any((programs.parent / "lib" / place / "pg_trgm.so").exists() for place in (".", "postgresql"))
