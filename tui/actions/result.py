"""What is told of a write, however it ended."""

from collections.abc import Coroutine
from typing import Any

from store.errors import StoreError
from tui.actions.certainty import Learned, learned_toast
from tui.words.toast import Toast, unwritten_toast


async def result_of(write: Coroutine[Any, Any, Toast]) -> Toast:
    try:
        return await write
    except Learned as learned:
        return learned_toast(learned)
    except StoreError as error:
        return unwritten_toast(error)
