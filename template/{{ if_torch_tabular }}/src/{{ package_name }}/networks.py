"""The networks for feature tables that candidates in params.yaml can name."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .engineroom.encoding import OneHot
from .engineroom.encoding import TableEncoder as Encoder
from .network import Network, linear

COMPONENTS = 0  # of the embedding, for drift: columns by themselves tell more


class Linear(Network):
    """A linear model of the features: its embedding is the features themselves."""

    def __init__(self, encoder: Encoder, outputs: int) -> None:
        super().__init__()
        self.head = linear(len(encoder.names), outputs)

    def hidden(self, x: Tensor) -> Tensor:
        return x


class Perceptron(Network):
    """Fully connected layers over numbers and embedded categories."""

    def __init__(
        self, encoder: Encoder, outputs: int, width: int = 128, depth: int = 2, dropout: float = 0.1, embedding: int = 8
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


class Embeddings(nn.Module):
    """Numbers as they are, each category's one-hot block times a table: the row that the block points at."""

    def __init__(self, encoder: Encoder, most: int) -> None:
        super().__init__()
        self.blocks, numbers, tables, start = [], [], [], 0
        for encoding in encoder.encodings:
            columns = list(range(start, start + len(encoding.names)))
            start += len(columns)
            if isinstance(encoding, OneHot):
                levels = columns[: len(encoding.levels) + 2]  # those that are rare or missing too
                numbers += columns[len(levels) :]
                self.blocks.append(slice(levels[0], levels[-1] + 1))
                tables.append(nn.Linear(len(levels), min(most, (len(levels) + 1) // 2), bias=False))
            else:
                numbers += columns
        self.tables = nn.ModuleList(tables)
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int64), persistent=False)
        self.numbers: Tensor
        self.width = len(numbers) + sum(table.out_features for table in tables)
        for table in tables:
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, x: Tensor) -> Tensor:
        embedded = [table(x[:, block]) for table, block in zip(self.tables, self.blocks, strict=True)]
        return torch.cat([x[:, self.numbers], *embedded], dim=1)


def _layer(before: int, after: int, dropout: float) -> list[nn.Module]:
    linear = nn.Linear(before, after)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return [linear, nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(dropout)]


NETWORKS: dict[str, Callable[..., Network]] = {"linear": Linear, "perceptron": Perceptron}
