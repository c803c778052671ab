"""A room's public names, each found when it is first asked for: what a room can do costs nothing until it is used."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any


def lazily(room: str, **modules: Sequence[str]) -> Callable[[str], Any]:
    """A room's `__getattr__` (PEP 562).

    Parameters:
        room: the room's `__name__`.
        modules: for each module of the room, the names that are public.

    Raises:
        AttributeError: from what is returned, for any other name.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        found = getattr(import_module(f"{room}.{homes[name]}"), name)
        setattr(sys.modules[room], name, found)
        return found

    return find
