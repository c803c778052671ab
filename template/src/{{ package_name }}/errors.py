"""What a user can cause and mend. Such an error is told in its own words; any other keeps its traceback."""

from collections.abc import Mapping
from typing import Any


class UserError(Exception):
    """Something outside the code is wrong; the message says where, what was found and what to do."""


def own_words(found: Mapping[str, Any]) -> str:
    """What is wrong with a value, of an entry of Pydantic's `errors()`: without the words it puts before ours."""
    return str(found["msg"]).removeprefix("Value error, ")
