"""The models that compete: networks for texts, one class each.

To add one, write a class, name it in `CANDIDATES`, and then in `candidates` of `params.yaml`. `make pipeline`
tunes it with the others, and the best on validation wins. It receives the fitted encoder, which describes the inputs,
the number of outputs, and the hyperparameters of its candidate, without those of training (epochs, learning_rate, ...).
It says how to get the embedding of n records (`hidden`) and sets `head`, a linear layer from there to the outputs.
Loss, scores and the export to ONNX follow.

Each reads token numbers (n, length), int64. Padding fills up the end of a row and changes no answer.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from .engineroom.encoding import TokenEncoder
from .engineroom.learning.networks import Network, TextNetwork, embedding, linear, mean, pretrained_text_model

FRAMEWORK = "torch"


class Linear(TextNetwork):
    """A bag of words: the mean of the tokens' vectors, whatever their order."""

    def __init__(self, encoder: TokenEncoder, outputs: int, size: int = 64, **augmentation: float) -> None:
        super().__init__(encoder, **augmentation)
        self.embed = embedding(encoder, size)
        self.head = linear(size, outputs)

    def hidden(self, x: Tensor) -> Tensor:
        return mean(self.embed(x), self.present(x))


class Convolutional(TextNetwork):
    """Convolutions over windows of several widths; of each filter the strongest answer counts.

    References:
        Kim, Convolutional Neural Networks for Sentence Classification, EMNLP 2014.
    """

    def __init__(
        self,
        encoder: TokenEncoder,
        outputs: int,
        size: int = 64,
        filters: int = 64,
        widths: tuple[int, ...] = (1, 2, 3),
        dropout: float = 0.3,
        **augmentation: float,
    ) -> None:
        """`size` is that of a token's vector, `widths` count tokens, `filters` are those of each width."""
        super().__init__(encoder, **augmentation)
        self.embed = embedding(encoder, size)
        # Without a bias a window of padding answers 0, which is no more than any filter's strongest answer.
        windows = [nn.Conv1d(size, filters, width, padding=width - 1, bias=False) for width in widths]
        self.convolutions = nn.ModuleList(windows)
        for convolution in windows:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        self.dropout = nn.Dropout(dropout)
        self.head = linear(filters * len(widths), outputs)

    def hidden(self, x: Tensor) -> Tensor:
        vectors = self.dropout(self.embed(x)).transpose(1, 2)
        strongest = [convolution(vectors).relu().amax(dim=2) for convolution in self.convolutions]
        return self.dropout(torch.cat(strongest, dim=1))


class Recurrent(TextNetwork):
    """A recurrent layer in each direction; of each unit the largest state counts."""

    def __init__(
        self,
        cell: type[nn.GRU] | type[nn.LSTM],
        encoder: TokenEncoder,
        outputs: int,
        size: int = 64,
        units: int = 64,
        dropout: float = 0.3,
        **augmentation: float,
    ) -> None:
        """`size` is that of a token's vector, `units` are those of each direction."""
        super().__init__(encoder, **augmentation)
        self.embed = embedding(encoder, size)
        self.forwards, self.backwards = cell(size, units, batch_first=True), cell(size, units, batch_first=True)
        for name, weights in (*self.forwards.named_parameters(), *self.backwards.named_parameters()):
            if name.startswith("bias"):
                nn.init.zeros_(weights)
            else:
                nn.init.orthogonal_(weights) if "_hh_" in name else nn.init.xavier_uniform_(weights)
        self.dropout = nn.Dropout(dropout)
        self.head = linear(2 * units, outputs)

    def hidden(self, x: Tensor) -> Tensor:
        present = self.present(x)
        vectors = self.dropout(self.embed(x))
        # Each text backwards, its padding still behind it: reading a whole row backwards would begin with padding.
        last = present.sum(dim=1, keepdim=True) - 1
        order = (last - torch.arange(x.shape[1], device=x.device)) % x.shape[1]
        mirrored = vectors.gather(1, order.unsqueeze(2).expand_as(vectors))
        states = torch.cat([self.forwards(vectors)[0], self.backwards(mirrored)[0]], dim=2)
        return self.dropout(states.masked_fill(~present.unsqueeze(2), -1.0).amax(dim=1))  # states are above -1


class Transformer(TextNetwork):
    """A small Transformer encoder; the mean of what it makes of the tokens counts."""

    def __init__(
        self,
        encoder: TokenEncoder,
        outputs: int,
        size: int = 64,
        heads: int = 4,
        depth: int = 2,
        dropout: float = 0.1,
        **augmentation: float,
    ) -> None:
        """`size` is that of a token's vector, a multiple of `heads`."""
        super().__init__(encoder, **augmentation)
        if size % heads:
            raise ValueError(f"size ({size}) must be a multiple of heads ({heads})")
        self.embed = embedding(encoder, size)
        self.places = nn.Parameter(torch.randn(encoder.length, size) * 0.02)
        self.layers = nn.ModuleList([AttentionLayer(size, heads, dropout) for _ in range(depth)])
        self.norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(dropout)
        self.head = linear(size, outputs)

    def hidden(self, x: Tensor) -> Tensor:
        present = self.present(x)
        vectors = self.dropout(self.embed(x) + self.places)
        for layer in self.layers:
            vectors = layer(vectors, present)
        return mean(self.norm(vectors), present)


class AttentionLayer(nn.Module):
    """Tokens look at each other, then each by itself; norms come first, which trains without much care.

    References:
        Xiong et al., On Layer Normalization in the Transformer Architecture, ICML 2020.
    """

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.first_norm, self.second_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.project_in, self.project_out = linear(size, 3 * size), linear(size, size)
        self.mlp = nn.Sequential(linear(size, 4 * size), nn.GELU(), nn.Dropout(dropout), linear(4 * size, size))
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        n, length, size = vectors.shape
        parts = self.project_in(self.first_norm(vectors)).view(n, length, 3, self.heads, size // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mask = torch.where(present, 0.0, -1e9)[:, None, None, :]  # finite, as an empty text has nothing to look at
        seen = nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask.to(queries.dtype))
        vectors = vectors + self.dropout(self.project_out(seen.transpose(1, 2).reshape(n, length, size)))
        return vectors + self.dropout(self.mlp(self.second_norm(vectors)))


class Pretrained(TextNetwork):
    """A pretrained model from a local folder or the Hugging Face hub; the mean of its last layer counts."""

    def __init__(
        self,
        encoder: TokenEncoder,
        outputs: int,
        model: str,
        frozen: bool = True,
        dropout: float = 0.1,
        **augmentation: float,
    ) -> None:
        """`model` is a folder or a hub id; `frozen` trains the head alone.

        Raises:
            ValueError: the model cannot be loaded, or reads other tokens than the encoder gives.
        """
        super().__init__(encoder, **augmentation)
        self.backbone = pretrained_text_model(model, encoder).requires_grad_(not frozen)
        self.dropout = nn.Dropout(dropout)
        self.head = linear(self.backbone.config.hidden_size, outputs)

    def hidden(self, x: Tensor) -> Tensor:
        present = self.present(x)
        found = self.backbone(input_ids=x, attention_mask=present.long()).last_hidden_state
        return self.dropout(mean(found, present))


# Name in params.yaml -> class. `linear` is also the baseline that the others have to beat: leave it in.
CANDIDATES: dict[str, Callable[..., Network]] = {
    "linear": Linear,
    "cnn": Convolutional,
    "gru": partial(Recurrent, nn.GRU),
    "lstm": partial(Recurrent, nn.LSTM),
    "transformer": Transformer,
    "pretrained": Pretrained,
}
