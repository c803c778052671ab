"""The artifact: one folder with all that a prediction needs, each byte checked, and the verdict on it."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "ALLOW",
    "Bundle",
    "BundleError",
    "EMBEDDING",
    "COMPONENTS_OUTPUT",
    "GOLDEN_TOLERANCE",
    "Golden",
    "MANIFEST",
    "MODEL",
    "Manifest",
    "REFERENCE",
    "bind",
    "clock_of",
    "objection",
    "save",
    "session",
]

if TYPE_CHECKING:
    from .bundle import (
        COMPONENTS_OUTPUT,
        EMBEDDING,
        GOLDEN_TOLERANCE,
        MANIFEST,
        MODEL,
        REFERENCE,
        Bundle,
        BundleError,
        Golden,
        Manifest,
        save,
    )
    from .runtime import clock_of, session
    from .verdict import ALLOW, bind, objection
else:
    __getattr__ = lazily(
        __name__,
        bundle=[
            "Bundle",
            "BundleError",
            "EMBEDDING",
            "COMPONENTS_OUTPUT",
            "GOLDEN_TOLERANCE",
            "Golden",
            "MANIFEST",
            "MODEL",
            "Manifest",
            "REFERENCE",
            "save",
        ],
        runtime=["clock_of", "session"],
        verdict=["ALLOW", "bind", "objection"],
    )
