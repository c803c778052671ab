"""How the columns of a record become model inputs: the only such code, for training, serving, scoring and drift.

The contract's columns choose the encoder: those of a table, texts, or one image. A module of this room, and a library
behind it, is imported when it is needed: a service for tables needs neither Pillow nor tokenizers.
"""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "CHARACTER",
    "Columns",
    "DescriptorEncoder",
    "Encoder",
    "FEATURES",
    "Framework",
    "Inputs",
    "LeftOut",
    "MAKERS",
    "MEDIA_TYPES",
    "Modality",
    "OneHot",
    "PARSERS",
    "PixelEncoder",
    "Record",
    "TableEncoder",
    "TokenEncoder",
    "UNPACKED",
    "WORD",
    "WordEncoder",
    "encoder_for",
    "load_encoder",
    "modality_of",
]

if TYPE_CHECKING:
    from .ascii import CHARACTER, WORD
    from .by_type import FEATURES, MAKERS, MEDIA_TYPES, PARSERS, UNPACKED, Modality
    from .choice import Framework, encoder_for, load_encoder, modality_of
    from .descriptors import DescriptorEncoder
    from .encoder import Columns, Encoder, Inputs, LeftOut, Record
    from .pixels import PixelEncoder
    from .table import OneHot, TableEncoder
    from .tokens import TokenEncoder
    from .words import WordEncoder
else:
    __getattr__ = lazily(
        __name__,
        ascii=["CHARACTER", "WORD"],
        by_type=["FEATURES", "MAKERS", "MEDIA_TYPES", "Modality", "PARSERS", "UNPACKED"],
        choice=["Framework", "encoder_for", "load_encoder", "modality_of"],
        descriptors=["DescriptorEncoder"],
        encoder=["Columns", "Encoder", "Inputs", "LeftOut", "Record"],
        pixels=["PixelEncoder"],
        table=["OneHot", "TableEncoder"],
        tokens=["TokenEncoder"],
        words=["WordEncoder"],
    )
