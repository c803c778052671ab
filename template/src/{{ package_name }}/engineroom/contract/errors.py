"""What a user can cause and mend. Such an error is told in its own words; any other keeps its traceback."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


class UserError(Exception):
    """Something outside the code is wrong; the message says where, what was found and what to do."""


class ContractError(UserError):
    """The contract is wrong; the message says where, what was found and what is allowed."""


class ParamsError(UserError):
    """params.yaml is wrong; the message says where, what was found and what is allowed."""


def mistakes_of(error: ValidationError) -> list[str]:
    """One line a mistake: the key path, what was found, what is allowed."""
    return [_mistake(found) for found in error.errors()]


def own_words(found: Mapping[str, Any]) -> str:
    """The message of an entry of Pydantic's `errors()`, without the words that Pydantic puts before ours."""
    return str(found["msg"]).removeprefix("Value error, ")


def _mistake(found: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in found["loc"])
    message = own_words(found)
    if found["type"] == "extra_forbidden":
        message = "no such key; see docs/contract.md for those that exist"
    elif found["type"] == "missing":
        message = "this key is required"
    else:
        shown = repr(found["input"])
        message += f" (found {shown})" if len(shown) < 80 and not isinstance(found["input"], dict) else ""
    return f"{path}: {message}" if path else message
