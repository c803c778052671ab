"""A first contract.yaml for data that nobody has described yet."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "infer_contract",
]

if TYPE_CHECKING:
    from .inference import infer_contract
else:
    __getattr__ = lazily(
        __name__,
        inference=["infer_contract"],
    )
