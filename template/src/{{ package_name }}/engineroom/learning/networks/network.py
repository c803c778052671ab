"""What every network has in common: an embedding of its input, and one linear layer on top."""

from typing import ClassVar, Self

from torch import Tensor, nn


def linear(before: int, after: int) -> nn.Linear:
    """A linear layer (Glorot and Bengio, 2010), whose outputs vary as much as its inputs."""
    layer = nn.Linear(before, after)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Network(nn.Module):
    """A subclass sets `head`, a linear layer from its embedding to the outputs, and says how to get the embedding.

    Attributes:
        head: from the embedding to the logits.
        components: leading directions of the embedding that drift looks at; 0 where columns by themselves tell more.
    """

    components: ClassVar[int] = 0
    head: nn.Linear

    def hidden(self, x: Tensor) -> Tensor:
        """The embedding of n records, (n, width of the head)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, outputs)."""
        return self.head(self.hidden(x))

    def train(self, mode: bool = True) -> Self:
        """A frozen part stays as it is: it drops nothing out, and its batch norms keep their statistics."""
        super().train(mode)
        for part in self.children():
            learning = [weights.requires_grad for weights in part.parameters()]
            if learning and not any(learning):
                part.eval()
        return self

    def augment(self, x: Tensor) -> Tensor:
        """Records as they might have been, of the training part only; here as they are."""
        return x
