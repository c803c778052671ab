"""What each part of a file that people write has in common: it is checked, frozen, and knows its keys."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _as_text(value: Any) -> Any:
    """A label as it stands in a text file: YAML reads 0 and true as numbers and booleans, the data holds "0"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


Label = Annotated[str, BeforeValidator(_as_text)]


class Section(BaseModel):
    """Part of a file: a key that nobody knows is a mistake, and nothing changes what was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
