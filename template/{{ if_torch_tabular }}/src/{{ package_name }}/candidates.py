"""The models that compete: networks for tables, one class each.

To add one, write a class, name it in `CANDIDATES`, and then in `candidates` of `params.yaml`. `make pipeline`
tunes it with the others, and the best on validation wins. It receives the fitted encoder, which describes the inputs,
the number of outputs, and the hyperparameters of its candidate, without those of training (epochs, learning_rate, ...).
It says how to get the embedding of n records (`hidden`) and sets `head`, a linear layer from there to the outputs.
Loss, scores and the export to ONNX follow.

Each reads numbers (n, width), float32: scaled columns, and categories as one-hot blocks.
"""

from collections.abc import Callable

from torch import Tensor, nn

from .engineroom.encoding import TableEncoder
from .engineroom.learning.networks import Embeddings, Network, linear

FRAMEWORK = "torch"


class Linear(Network):
    """A linear model of the features: its embedding is the features themselves."""

    def __init__(self, encoder: TableEncoder, outputs: int) -> None:
        super().__init__()
        self.head = linear(len(encoder.names), outputs)

    def hidden(self, x: Tensor) -> Tensor:
        return x


class Perceptron(Network):
    """Fully connected layers over numbers and embedded categories."""

    def __init__(
        self,
        encoder: TableEncoder,
        outputs: int,
        width: int = 128,
        depth: int = 2,
        dropout: float = 0.1,
        embedding: int = 8,
    ) -> None:
        """`embedding` is the most numbers that one category becomes."""
        super().__init__()
        self.embed = Embeddings(encoder, embedding)
        widths = [self.embed.width] + [width] * depth
        layers = [layer for size in zip(widths, widths[1:], strict=False) for layer in _layer(*size, dropout)]
        self.body = nn.Sequential(*layers)
        self.head = linear(widths[-1], outputs)

    def hidden(self, x: Tensor) -> Tensor:
        return self.body(self.embed(x))


def _layer(before: int, after: int, dropout: float) -> list[nn.Module]:
    linear = nn.Linear(before, after)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return [linear, nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(dropout)]


# Name in params.yaml -> class. `linear` is also the baseline that the others have to beat: leave it in.
CANDIDATES: dict[str, Callable[..., Network]] = {"linear": Linear, "perceptron": Perceptron}
