"""A place among rows in the order of their creation, as the long works go through them."""

from typing import Any

from sqlalchemy import DateTime, Uuid, bindparam, tuple_

from store.connecting import timestamps
from store.model import PageKey

PLACE: Any = tuple_(bindparam("place_at", type_=DateTime(timezone=True)), bindparam("place_id", type_=Uuid))


def at_place(key: PageKey | None) -> dict[str, object]:
    """Its parameters; none for the beginning."""
    return {} if key is None else {"place_at": timestamps.as_text(key.created_at), "place_id": key.id}
