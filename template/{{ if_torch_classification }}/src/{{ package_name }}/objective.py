"""Classes as a network learns them: a logit for a binary target, one a class for several."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .engineroom.judging import Decision


def outputs(decision: Decision) -> int:
    """Width of the network's last layer."""
    return 1 if decision.kind == "binary" else decision.outputs


class Objective(nn.Module):
    """Cross entropy while training; as a module, logits to probabilities."""

    def __init__(self, decision: Decision, y: np.ndarray, class_weight: str | None) -> None:
        super().__init__()
        counts = np.bincount(y, minlength=decision.outputs)
        weights = len(y) / (len(counts) * counts) if class_weight else np.ones(len(counts))
        self.binary = decision.kind == "binary"
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32))
        self.weights: Tensor

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Logits (n, outputs) and class numbers (n,) -> loss of each record (n,)."""
        weight = self.weights[y]
        if self.binary:
            return weight * functional.binary_cross_entropy_with_logits(logits[:, 0], y.float(), reduction="none")
        return weight * functional.cross_entropy(logits, y, reduction="none")

    def forward(self, logits: Tensor) -> Tensor:
        """Logits (n, outputs) -> probabilities (n, classes)."""
        if self.binary:
            return torch.sigmoid(torch.cat([-logits, logits], dim=1))
        return torch.softmax(logits, dim=1)
