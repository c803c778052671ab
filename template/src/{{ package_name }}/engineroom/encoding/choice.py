"""Which encoder a model has: the contract's columns and the framework choose it, a bundle names it."""

from collections.abc import Mapping
from importlib import import_module
from typing import Literal

from pydantic_core import from_json

from ..contract import Column, Contract, ContractError
from .by_type import FEATURES, Modality
from .encoder import Encoder

Framework = Literal["sklearn", "torch"]

CLASSES = {  # by kind, each imported when it is needed
    "table": "table.TableEncoder",
    "words": "words.WordEncoder",
    "tokens": "tokens.TokenEncoder",
    "descriptors": "descriptors.DescriptorEncoder",
    "pixels": "pixels.PixelEncoder",
}
CHOSEN: Mapping[tuple[Modality, Framework], str] = {
    ("table", "sklearn"): "table",
    ("table", "torch"): "table",
    ("text", "sklearn"): "words",
    ("text", "torch"): "tokens",
    ("image", "sklearn"): "descriptors",
    ("image", "torch"): "pixels",
}
# Encoders of before 0.7 do not name their kind: it is that of the first of these fields which they have.
TOLD_BY = {"encodings": "table", "tokenizer": "tokens", "known": "words", "spread": "pixels", "scale": "descriptors"}


def encoder_for(contract: Contract, framework: Framework) -> type[Encoder]:
    """The encoder for models of a framework, by the contract's features. Raises ContractError as `modality_of` does."""
    return _class(CHOSEN[modality_of(contract), framework])


def modality_of(contract: Contract) -> Modality:
    """What a contract's features are: the columns of a table, texts, or one image.

    Raises:
        ContractError: naming the columns that no encoder takes together.
    """
    features = contract.features
    found = {modality: _of(types, features) for modality, types in FEATURES.items() if _of(types, features)}
    if len(found) > 1:
        each = " and ".join(f"{modality} ({', '.join(map(repr, names))})" for modality, names in found.items())
        raise ContractError(
            f"columns: the features are {each}, but a model takes a table, texts or one image: give those of one kind "
            "role: sensitive to report quality by them, or type: ignored"
        )
    if len(images := found.get("image", ())) > 1:
        raise ContractError(f"columns: the features are {', '.join(images)}, but a model looks at one image: keep one")
    return next(iter(found), "table")  # of no feature at all, any


def load_encoder(content: bytes) -> Encoder:
    """The encoder that a bundle's JSON holds, of bundles of before 0.7 too.

    Raises:
        ValueError: no JSON, a kind that this code does not know, or fields that are not those of the kind.
    """
    fields = from_json(content)
    if not isinstance(fields, dict):
        raise ValueError("no JSON object")
    told = (kind for field, kind in TOLD_BY.items() if field in fields)
    kind = fields.get("kind", next(told, None))
    if not isinstance(kind, str) or kind not in CLASSES:
        raise ValueError(f"kind: found {kind!r}, this code reads {', '.join(CLASSES)}")
    return _class(kind).model_validate_json(content)


def _of(types: tuple[str, ...], features: Mapping[str, Column]) -> list[str]:
    return [name for name, column in features.items() if column.type in types]


def _class(kind: str) -> type[Encoder]:
    module, name = CLASSES[kind].split(".")
    found: type[Encoder] = getattr(import_module(f"{__package__}.{module}"), name)
    return found
