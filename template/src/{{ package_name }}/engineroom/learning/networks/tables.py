"""What networks for tables share: a one-hot block of a category, read as an embedding."""

import torch
from torch import Tensor, nn

from ...encoding import OneHot, TableEncoder


class Embeddings(nn.Module):
    """Numbers as they are, each category's one-hot block times a table: the row that the block points at."""

    def __init__(self, encoder: TableEncoder, most: int) -> None:
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
