"""What a network learns by, and how its logits become scores: probabilities of classes, or values."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...judging import Decision


class Objective(nn.Module):
    """A loss while training; as a module, logits to scores. It is exported together with the network."""

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Logits (n, outputs) and targets (n,) -> loss of each record (n,)."""
        raise NotImplementedError

    def forward(self, logits: Tensor) -> Tensor:
        """Logits (n, outputs) -> scores (n, classes) or (n, 1)."""
        raise NotImplementedError


def outputs(decision: Decision) -> int:
    """Width of the network's last layer: a logit for a binary target, one a class for several, one for a value."""
    return 1 if decision.kind == "binary" else decision.outputs


def objective_of(decision: Decision, y: np.ndarray, class_weight: str | None) -> Objective:
    """The objective for a kind of target, with what it takes from the training targets (n,)."""
    if decision.kind == "continuous":
        return Huber(y)
    return CrossEntropy(y, decision.outputs, bool(class_weight))


class CrossEntropy(Objective):
    """Cross entropy; logits to probabilities. Balanced weighs each class by its rarity among y (n,)."""

    def __init__(self, y: np.ndarray, classes: int, balanced: bool) -> None:
        super().__init__()
        counts = np.bincount(y, minlength=classes)
        weights = len(y) / (len(counts) * counts) if balanced else np.ones(len(counts))
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32))
        self.weights: Tensor

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        weight = self.weights[y]
        if logits.shape[1] == 1:
            return weight * functional.binary_cross_entropy_with_logits(logits[:, 0], y.float(), reduction="none")
        return weight * functional.cross_entropy(logits, y, reduction="none")

    def forward(self, logits: Tensor) -> Tensor:
        if logits.shape[1] == 1:
            return torch.sigmoid(torch.cat([-logits, logits], dim=1))
        return torch.softmax(logits, dim=1)


class Huber(Objective):
    """Huber loss on the scale of the spread of the training targets, robust to outliers; logits to their unit."""

    def __init__(self, y: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(y.mean(), dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(y.std() or 1.0, dtype=torch.float32))
        self.mean: Tensor
        self.spread: Tensor

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        return functional.huber_loss(logits[:, 0], (y.float() - self.mean) / self.spread, reduction="none")

    def forward(self, logits: Tensor) -> Tensor:
        return logits * self.spread + self.mean
