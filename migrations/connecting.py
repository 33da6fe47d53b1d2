"""The one connection of a run, and the translation of what the driver raises on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_attempts, make_conninfo

from migrations.errors import MigrationRefused
from store.connecting.connections import with_defaults
from store.connecting.driver_errors import translate, translate_connecting
from store.connecting.password_file import tell_of_password_file
from store.errors import NoPrivilege, SchemaMissing, SignInRefused, StoreError, Unreachable

APPLICATION_NAME = "gjobs migrate"

_REFUSALS = (errors.ObjectNotInPrerequisiteState, errors.DependentObjectsStillExist)


@contextmanager
def connect(conninfo: Mapping[str, str | int]) -> Iterator[psycopg.Connection]:
    """Closed on leaving. What is not committed by then is undone."""
    connection = _open({"application_name": APPLICATION_NAME, **with_defaults(conninfo)})
    try:
        yield connection
    finally:
        # A pooler throws a connection to the server away that a client leaves inside a transaction.
        with suppress(psycopg.Error):
            connection.rollback()
        connection.close()


def _open(parameters: Mapping[str, str | int]) -> psycopg.Connection:
    """At the first address that answers. A refusal is final: the driver would try a password at each of them."""
    failure: StoreError = Unreachable("The database has no address.")
    try:
        for address in conninfo_attempts(parameters):
            try:
                # A pooler between may serve each transaction by another process, which has not what was prepared.
                return psycopg.connect(make_conninfo("", **address), prepare_threshold=None)
            except psycopg.Error as error:
                failure = translate_connecting(error)
                failure.__cause__ = error
                tell_of_password_file(failure, parameters)
                if isinstance(failure, SignInRefused):
                    break
    except psycopg.Error as error:
        raise translate_connecting(error) from error
    except UnicodeError as error:
        raise Unreachable("The database's host name cannot be one.") from error
    raise failure


def translate_migrating(error: psycopg.Error) -> StoreError:
    """Ours for what a revision, or reading the present one, met."""
    diagnostics = error.diag
    sentences = " ".join(part for part in (diagnostics.message_primary, diagnostics.message_detail) if part)
    if isinstance(error, _REFUSALS):
        return MigrationRefused(sentences, hint=diagnostics.message_hint, sqlstate=error.sqlstate)
    if isinstance(error, errors.InvalidSchemaName) and diagnostics.message_hint:
        return SchemaMissing(sentences, hint=diagnostics.message_hint, sqlstate=error.sqlstate)
    if isinstance(error, errors.InsufficientPrivilege) and diagnostics.message_hint:
        return NoPrivilege(sentences, hint=diagnostics.message_hint, sqlstate=error.sqlstate)
    return translate(error)
