"""Reads a contract from the YAML that people write, and names each mistake in it with its place."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from .errors import ContractError, mistakes_of
from .schema import Contract

PATH = Path("contract.yaml")
OLD_SCALARS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "timestamp"))


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars: `yes`, 007 and dates stay text, as they stand in the data; a repeated key is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise ContractError(f"line {key.start_mark.line + 1}: the key {key.value!r} stands there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] not in OLD_SCALARS]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))


def load(path: Path = PATH) -> Contract:
    """Read and check a contract.

    Raises:
        ContractError: with the file, the key path, what was found and what is allowed, for every mistake.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ContractError(f"{path}: no such file; `make contract DATA=... TARGET=...` writes one") from None
    return loads(raw, str(path))


def loads(raw: bytes, name: str) -> Contract:
    """A contract from the bytes of its file; `name` is what messages call it. Raises ContractError as `load` does."""
    try:
        content = yaml.load(raw.decode("utf-8"), _Loader)
        json.dumps(content, ensure_ascii=False, default=str).encode()  # half a surrogate pair fits no file
    except UnicodeError as error:
        raise ContractError(f"{name}: not Unicode text in UTF-8: {error}") from None
    except (yaml.YAMLError, ContractError) as error:
        raise ContractError(f"{name}: not valid YAML: {error}") from None
    except RecursionError:
        raise ContractError(f"{name}: nested too deep for a contract") from None
    return parse(content, name)


def parse(content: Any, name: str) -> Contract:
    """Check a contract's content; `name` is what messages call it. Raises ContractError as `load` does."""
    try:
        return Contract.model_validate(content)
    except ValidationError as error:
        mistakes = "\n".join(f"  {name}: {mistake}" for mistake in mistakes_of(error))
        raise ContractError(f"{name} has {error.error_count()} mistake(s):\n{mistakes}") from None
