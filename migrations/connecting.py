"""The one connection of a run, and the translation of what the driver raises on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg.conninfo import make_conninfo

from migrations.errors import MigrationRefused
from store.driver_errors import translate, translate_connecting
from store.errors import SchemaMissing, StoreError

CONNECT_TIMEOUT_SECONDS = 10

_REFUSALS = (errors.ObjectNotInPrerequisiteState, errors.DependentObjectsStillExist)


@contextmanager
def connect(conninfo: Mapping[str, str | int]) -> Iterator[psycopg.Connection]:
    """Closed on leaving. What is not committed by then is undone."""
    parameters = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "gjobs migrate", **conninfo}
    try:
        # A pooler between may serve each transaction by another server process, which has not what was prepared.
        connection = psycopg.connect(make_conninfo("", **parameters), prepare_threshold=None)
    except psycopg.Error as error:
        raise translate_connecting(error) from error
    try:
        yield connection
    finally:
        connection.close()


def translate_migrating(error: psycopg.Error) -> StoreError:
    """Ours for what a revision, or reading the present one, met."""
    diagnostics = error.diag
    sentences = " ".join(part for part in (diagnostics.message_primary, diagnostics.message_detail) if part)
    if isinstance(error, _REFUSALS):
        return MigrationRefused(sentences, hint=diagnostics.message_hint, sqlstate=error.sqlstate)
    if isinstance(error, errors.InvalidSchemaName) and diagnostics.message_hint:
        return SchemaMissing(sentences, hint=diagnostics.message_hint, sqlstate=error.sqlstate)
    return translate(error)
