"""A database's address: libpq's parameters from a URI, and the words that may be shown of it."""

from collections.abc import Mapping

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from store.errors import InvalidValue


def parse(url: str) -> dict[str, str | int]:
    """libpq's parameters. Raises InvalidValue, whose message never repeats the URL: it may hold a password."""
    scheme = url.partition("://")[0] if "://" in url else None
    if scheme is not None and scheme not in ("postgres", "postgresql"):
        raise InvalidValue(
            "database_url",
            f"The database URL starts with {scheme!r}; only Postgres can be opened.",
            hint="Use postgresql://USER@HOST/DATABASE.",
        )
    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        raise InvalidValue(
            "database_url",
            "The database URL cannot be read.",
            hint="Use postgresql://USER@HOST:PORT/DATABASE, with special characters percent-encoded.",
        ) from None
    return {name: value for name, value in parameters.items() if value is not None}


def label(parameters: Mapping[str, str | int]) -> str:
    """What names the database on screen: never a password."""
    host = str(parameters.get("host", "") or parameters.get("service", "") or "local")
    database = str(parameters.get("dbname", ""))
    return f"{host}/{database}" if database else host
