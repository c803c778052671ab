"""Numbers as a network learns them: on the scale of the training targets' spread, robust to outliers."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .engineroom.judging import Decision


def outputs(decision: Decision) -> int:
    """Width of the network's last layer."""
    return 1


class Objective(nn.Module):
    """Huber loss while training; as a module, logits to values in the target's unit."""

    def __init__(self, decision: Decision, y: np.ndarray, class_weight: str | None) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(y.mean(), dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(y.std() or 1.0, dtype=torch.float32))
        self.mean: Tensor
        self.spread: Tensor

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Logits (n, 1) and values (n,) -> loss of each record (n,)."""
        return functional.huber_loss(logits[:, 0], (y.float() - self.mean) / self.spread, reduction="none")

    def forward(self, logits: Tensor) -> Tensor:
        """Logits (n, 1) -> values (n, 1)."""
        return logits * self.spread + self.mean
