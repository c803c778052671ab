"""Candidates that are PyTorch's networks: what they have in common, the training loop, export."""

from typing import TYPE_CHECKING

from ...lazy import lazily

__all__ = [
    "Embeddings",
    "ImageNetwork",
    "Network",
    "TextNetwork",
    "embedding",
    "linear",
    "mean",
    "pretrained_image_model",
    "pretrained_text_model",
]

if TYPE_CHECKING:
    from .images import ImageNetwork, pretrained_image_model
    from .network import Network, linear
    from .tables import Embeddings
    from .texts import TextNetwork, embedding, mean, pretrained_text_model
else:
    __getattr__ = lazily(
        __name__,
        images=["ImageNetwork", "pretrained_image_model"],
        network=["Network", "linear"],
        tables=["Embeddings"],
        texts=["TextNetwork", "embedding", "mean", "pretrained_text_model"],
    )
