"""What a type of column needs beyond plain values. The libraries behind it are imported when it is asked for."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Literal

from ..contract import Type

Modality = Literal["table", "text", "image"]

FEATURES: Mapping[Modality, tuple[Type, ...]] = {
    "table": ("number", "integer", "category", "ordinal", "datetime", "boolean"),
    "text": ("text",),
    "image": ("image",),
}
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")  # of images
MEDIA_TYPES: Mapping[Type, tuple[str, ...]] = {
    "text": ("text/plain",),
    "image": tuple(f"image/{form.lower()}" for form in FORMATS),
}


class ByType(Mapping[Type, Callable[..., Any]]):
    """Column type -> a function of this room, imported when it is first asked for."""

    def __init__(self, places: Mapping[Type, str]) -> None:
        """`places` are the functions' names behind those of their modules."""
        self._places = places

    def __getitem__(self, kind: Type) -> Callable[..., Any]:
        module, name = self._places[kind].split(".")
        found: Callable[..., Any] = getattr(import_module(f"{__package__}.{module}"), name)
        return found

    def __contains__(self, kind: object) -> bool:
        return kind in self._places

    def __iter__(self) -> Iterator[Type]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


PARSERS = ByType({"text": "text.parse", "image": "image.parse"})  # raw value -> typed one, or ValueError
MAKERS = ByType({"text": "text.invent", "image": "image.invent"})  # values that nobody has
UNPACKED = ByType({"image": "image.unpacked"})  # bytes that a raw value takes which is larger than it looks
