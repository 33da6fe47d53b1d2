"""From what was typed to handlers: a registry, in a module of the user's."""

import importlib
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from store.worker import Registry


def find_registry(name: str) -> "Registry":
    """The working directory comes last on the path: a folder of it may be named as one of ours.

    Raises UsageError for whatever the module raises: it is the user's, and so is what is wrong with it.
    """
    from store.worker import Registry

    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise UsageError(f"{name!r} is not MODULE:REGISTRY.", hint="As in: gjobs worker handlers:registry")
    if (directory := str(Path.cwd())) not in sys.path:
        sys.path.append(directory)
    found = getattr(_imported(module_name), attribute, None)
    if not isinstance(found, Registry):
        raise UsageError(f"{module_name} has no registry {attribute!r}.", hint="It is a store.worker.Registry.")
    return found


def _imported(name: str) -> "ModuleType":
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"There is no module {error.name!r}.", hint="It is looked for here, and where Python does."
        ) from error
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{name} cannot be imported: {type(error).__name__}: {error}{_place(error)}",
            hint="Set GJOBS_DEBUG=1 for the traceback.",
        ) from error


def _place(error: BaseException) -> str:
    """Where it was raised; empty for a mistake of syntax, which says where it is."""
    if isinstance(error, SyntaxError):
        return ""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({Path(last.filename).name}, line {last.lineno})"
