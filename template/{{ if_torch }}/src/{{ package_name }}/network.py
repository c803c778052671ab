"""What every network here has in common: an embedding of its input, and one linear layer on top."""

from torch import Tensor, nn


class Network(nn.Module):
    """A subclass sets `head`, a linear layer from its embedding to the outputs, and says how to get the embedding."""

    head: nn.Linear

    def hidden(self, x: Tensor) -> Tensor:
        """The embedding of n records, (n, width of the head)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, outputs)."""
        return self.head(self.hidden(x))

    def augment(self, x: Tensor) -> Tensor:
        """Records as they might have been, of the training part only; here as they are."""
        return x
