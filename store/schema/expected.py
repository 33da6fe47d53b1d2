"""What each revision of the migrations promises. Pure."""

from collections.abc import Iterable, Iterator

from store.errors import SchemaMissing
from store.listing.indexes import TOTAL
from store.schema.app_schema import OWN_ROWS, app_schema, policies
from store.schema.archive import archive
from store.schema.budgets import budgets
from store.schema.events import events
from store.schema.leases import leases
from store.schema.model import ObjectKind, SchemaObject
from store.schema.rollups import rollups

APP_REVISION = "0001"
"""What an app's own database is held to, on which no migration has run."""


def expected(revision: str | None) -> tuple[SchemaObject, ...]:
    """None stands for a database without one. Raises SchemaMissing for a revision that only a newer program knows."""
    promised = tuple(app_schema())
    for name, change in _CHANGES.items():
        promised = _changed(promised, tuple(change()))
        if name == (revision or APP_REVISION):
            return promised
    raise SchemaMissing(
        f"This database is at revision {revision}, which this program does not know.",
        hint="Use the newer gjobs that migrated it.",
    )


def _changed(promised: tuple[SchemaObject, ...], change: tuple[SchemaObject, ...]) -> tuple[SchemaObject, ...]:
    """An object of a name that is there takes its place, and the others follow."""
    by_name = {(known.kind, known.place, known.name): known for known in promised}
    return tuple((by_name | {(one.kind, one.place, one.name): one for one in change}).values())


def _mended() -> Iterator[SchemaObject]:
    for known in app_schema():
        if known.kind is ObjectKind.FUNCTION:
            yield _like(known, known.definition.replace("security definer", "security invoker"))
    bodies = {
        "public.get_job_statistics": "2ea16f33",
        "public.get_recent_jobs": "8c85c74f",
        "public.transition_job_status": "daada013",
    }
    for place, digest in bodies.items():
        yield SchemaObject(kind=ObjectKind.BODY, place=place, name=place.rpartition(".")[2], definition=digest)
    yield SchemaObject(
        kind=ObjectKind.ROW_SECURITY, place="public.generation_job_summary", name="security_invoker", definition="on"
    )
    yield from policies("assets", new_row=_within_own_project("source_asset_id"))
    yield from policies("generation_jobs", new_row=_within_own_project("input_asset_id"))
    for name, argument in (("owns_project", "p_project_id"), ("owns_asset", "p_asset_id")):
        definition = f"({argument} uuid) returns boolean security invoker"
        yield SchemaObject(kind=ObjectKind.FUNCTION, place="gjobs", name=name, definition=definition)


_INDEXES = {
    "gjobs_newest": "(created_at DESC, id DESC)",
    "gjobs_newest_of_project": "(project_id, created_at DESC, id DESC)",
    "gjobs_newest_of_user": "(user_id, created_at DESC, id DESC)",
    "gjobs_newest_of_status": "(status, created_at DESC, id DESC)",
    "gjobs_updated": "(updated_at DESC, id DESC)",
    "gjobs_costs": "(cost_cents DESC, id DESC)",
    "gjobs_total": f"({TOTAL}, id DESC)",
}


def _indexed() -> Iterator[SchemaObject]:
    for name, columns in _INDEXES.items():
        yield SchemaObject(
            kind=ObjectKind.INDEX, place="public.generation_jobs", name=name, definition=f"btree {columns}"
        )


def _within_own_project(asset: str) -> str:
    return f"({OWN_ROWS} AND gjobs.owns_project(project_id) AND gjobs.owns_asset({asset}))"


def _like(known: SchemaObject, definition: str) -> SchemaObject:
    return SchemaObject(kind=known.kind, place=known.place, name=known.name, definition=definition)


def _nothing() -> Iterable[SchemaObject]:
    return ()


_CHANGES = {
    APP_REVISION: _nothing,
    "0002": _mended,
    "0003": _indexed,
    "0004": rollups,
    "0005": events,
    "0006": leases,
    "0007": budgets,
    "0008": archive,
    "0009": _nothing,
    "0010": _nothing,
}
"""By revision, oldest first: what each brings or makes otherwise."""

NEWEST_REVISION = list(_CHANGES)[-1]
