"""What networks for texts share. They read token numbers (n, length), int64; padding fills up the end of a row."""

from typing import Any

import torch
from torch import Tensor, nn

from ...encoding import TokenEncoder
from .network import Network


class TextNetwork(Network):
    """What networks for texts share: where the text is, and how it might have been written."""

    components = 4

    def __init__(self, encoder: TokenEncoder, token_dropout: float = 0.0, swaps: float = 0.0) -> None:
        """While training, shares of tokens that become unknown and that change places with their neighbour."""
        super().__init__()
        self.padding, self.unknown = encoder.padding, encoder.unknown
        self.token_dropout, self.swaps = token_dropout, swaps
        self.register_buffer("special", torch.tensor(encoder.special, dtype=torch.int64), persistent=False)
        self.special: Tensor

    def present(self, x: Tensor) -> Tensor:
        """Where there is a token and no padding, (n, length)."""
        return x != self.padding

    def augment(self, x: Tensor) -> Tensor:
        if self.swaps:
            x = self._swapped(x)
        if self.token_dropout:
            chosen = (torch.rand(x.shape, device=x.device) < self.token_dropout) & ~torch.isin(x, self.special)
            x = x.masked_fill(chosen, self.unknown)
        return x

    def _swapped(self, x: Tensor) -> Tensor:
        """Some pairs of neighbours in the other order; special tokens stay in their places."""
        text = ~torch.isin(x, self.special)
        first = torch.rand(x.shape, device=x.device) < self.swaps
        first[:, -1] = False
        first[:, :-1] &= text[:, :-1] & text[:, 1:]
        first[:, 1:] &= ~first[:, :-1].clone()  # a token moves once
        place = torch.arange(x.shape[1], device=x.device) + first.long()
        place[:, 1:] -= first[:, :-1].long()
        return x.gather(1, place)

    def extra_repr(self) -> str:
        return f"token_dropout={self.token_dropout}, swaps={self.swaps}"


def pretrained_text_model(name: str, encoder: TokenEncoder) -> Any:
    """A pretrained model from a local folder or the Hugging Face hub, which reads the encoder's tokens.

    Raises:
        ValueError: the model cannot be loaded, or reads other tokens than the encoder gives.
    """
    from tokenizers import Tokenizer
    from transformers import AutoModel, AutoTokenizer

    try:
        backbone, own = AutoModel.from_pretrained(name), AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ValueError(f"model: {name!r} cannot be loaded: {str(error).splitlines()[0]}") from None
    if own.get_vocab() != Tokenizer.from_str(encoder.tokenizer).get_vocab():
        raise ValueError(
            f"model: {name!r} has another vocabulary than the tokenizer: set features.tokenizer to {name!r}, too"
        )
    longest = getattr(backbone.config, "max_position_embeddings", encoder.length)
    if encoder.length > longest:
        raise ValueError(f"model: {name!r} reads {longest} tokens: lower features.length ({encoder.length})")
    return backbone


def mean(vectors: Tensor, present: Tensor) -> Tensor:
    """Mean over the tokens that are there, 0 where there are none: (n, length, size) -> (n, size)."""
    weights = present.unsqueeze(2).to(vectors.dtype)
    return (vectors * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def embedding(encoder: TokenEncoder, size: int) -> nn.Embedding:
    """A vector for each token; that of padding is 0 and stays so."""
    vectors = nn.Embedding(encoder.tokens, size, padding_idx=encoder.padding)
    nn.init.normal_(vectors.weight, std=0.1)
    with torch.no_grad():
        vectors.weight[encoder.padding] = 0
    return vectors
