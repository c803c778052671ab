"""Candidates that are scikit-learn's estimators: the steps before them, fitting, export by skl2onnx."""

from typing import TYPE_CHECKING

from ...lazy import lazily

__all__ = ["Model", "exported_by"]

if TYPE_CHECKING:
    from .conversion import exported_by
    from .model import Model
else:
    __getattr__ = lazily(__name__, conversion=["exported_by"], model=["Model"])
