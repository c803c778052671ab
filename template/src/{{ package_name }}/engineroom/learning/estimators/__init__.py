"""Candidates that are scikit-learn's estimators: the steps before them, fitting, export by skl2onnx."""

from typing import TYPE_CHECKING

from ...lazy import lazily

__all__ = [
    "Model",
]

if TYPE_CHECKING:
    from .model import Model
else:
    __getattr__ = lazily(
        __name__,
        model=["Model"],
    )
