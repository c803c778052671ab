"""A command line of verbs: what may be wrong with an argument is one sentence, and each verb ends with what is next."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "Existing",
    "Named",
    "REST",
    "Verb",
    "Verbs",
]

if TYPE_CHECKING:
    from .paths import Existing, Named
    from .verbs import REST, Verb, Verbs
else:
    __getattr__ = lazily(
        __name__,
        paths=["Existing", "Named"],
        verbs=["REST", "Verb", "Verbs"],
    )
