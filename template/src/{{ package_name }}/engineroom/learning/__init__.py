"""How a model is learned: rehearsed, searched for, fitted, watched, exported. What competes is the project's.

`framework.py` says what a framework does. The rooms `estimators` and `networks` are scikit-learn's and PyTorch's; a
project imports one of them.
"""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "Fold",
    "Learner",
    "Watch",
    "compare",
    "corners",
    "export",
    "framework_of",
    "rehearse",
    "search_space",
]

if TYPE_CHECKING:
    from .exporting import export
    from .fold import Fold
    from .framework import Learner, framework_of
    from .rehearsal import compare, rehearse
    from .search import corners, search_space
    from .watch import Watch
else:
    __getattr__ = lazily(
        __name__,
        exporting=["export"],
        fold=["Fold"],
        framework=["Learner", "framework_of"],
        rehearsal=["compare", "rehearse"],
        search=["corners", "search_space"],
        watch=["Watch"],
    )
