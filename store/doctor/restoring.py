"""The SQL that makes an object anew which the schema has lost. Pure."""

from store.capabilities.off import quoted
from store.schema import ObjectKind, SchemaObject


def restoring(lost: SchemaObject) -> str | None:
    """None where its definition does not say all, and of policies: what they hide, the app may hide on purpose.

    Made so that the app can go on writing meanwhile.
    """
    name, place, definition = quoted(lost.name), lost.place, lost.definition
    match lost.kind:
        case ObjectKind.INDEX:
            return f"CREATE INDEX CONCURRENTLY {name} ON {place} USING {definition};"
        case ObjectKind.TRIGGER:
            moment, _, action = definition.partition(" FOR EACH ROW ")
            return f"CREATE TRIGGER {name} {moment} ON {place} FOR EACH ROW {action};"
        case ObjectKind.KEY if definition.startswith("PRIMARY KEY"):
            return f"ALTER TABLE {place} ADD CONSTRAINT {name} {definition};"
        case ObjectKind.KEY | ObjectKind.CHECK:
            return (
                f"ALTER TABLE {place} ADD CONSTRAINT {name} {definition} NOT VALID;\n"
                f"ALTER TABLE {place} VALIDATE CONSTRAINT {name};"
            )
        case _:
            return None
