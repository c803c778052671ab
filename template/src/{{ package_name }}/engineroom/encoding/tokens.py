"""Texts for networks, which read token numbers. The tokenizer is saved with the encoder.

It needs NumPy and `tokenizers` alone; transformers where a pretrained tokenizer is named.
"""

import json
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from ..contract import Contract, ContractError, Section
from .encoder import Columns, Inputs, Record
from .text import TextEncoder, TextParams, fit_texts, join, join_one

PADDING, UNKNOWN = "[PAD]", "[UNK]"
LONGEST_TOKEN = 12  # characters: where scripts have no blanks, whole sentences would become tokens


class TokenParams(TextParams):
    """How texts are encoded for networks."""

    length: int = Field(64, ge=1, description="tokens of a record that are read")
    vocabulary: int = Field(4_000, ge=100, description="tokens that the tokenizer learns")
    tokenizer: str = Field("", description="folder or hub id of a pretrained tokenizer; empty: one is learned")


class TokenEncoder(TextEncoder):
    """The texts of a record as token numbers. Input of the graph: `tokens`, int64, shape (records, length)."""

    Params: ClassVar[type[Section]] = TokenParams

    kind: Literal["tokens"] = "tokens"
    tokenizer: str = Field(description="the tokenizer's own JSON, as text")
    length: int
    padding: int = Field(description="number of the token that fills up short texts")
    unknown: int = Field(description="number of the token that stands for what the tokenizer does not know")

    @classmethod
    def fit(cls, columns: Columns, contract: Contract, params: TokenParams) -> Self:
        """Learn tokens and common words from the training part alone.

        Raises:
            ContractError: no text is left to learn from, or the pretrained tokenizer cannot be used.
        """
        learned = fit_texts(columns, contract, params)
        if params.tokenizer:
            tokenizer, padding, unknown = _pretrained(params.tokenizer)
        else:
            texts = join(columns, learned["columns"])
            tokenizer, padding, unknown = _trained(texts, params.vocabulary), 0, 1
        return cls(tokenizer=tokenizer, padding=padding, unknown=unknown, length=params.length, **learned)

    @cached_property
    def reader(self) -> Tokenizer:
        tokenizer = Tokenizer.from_str(self.tokenizer)
        tokenizer.encode_special_tokens = True  # who writes [PAD] means five characters
        tokenizer.enable_truncation(self.length)
        tokenizer.enable_padding(pad_id=self.padding, length=self.length)
        return tokenizer

    @property
    def reach(self) -> int:
        return self.length * LONGEST_TOKEN

    @property
    def tokens(self) -> int:
        """One more than the largest token number."""
        return max(self.reader.get_vocab().values()) + 1

    @property
    def special(self) -> list[int]:
        """Numbers of the tokens that stand for no text: padding, unknown, begin, end, ..."""
        return [number for number, token in self.reader.get_added_tokens_decoder().items() if token.special]

    def encode(self, columns: Columns) -> Inputs:
        """Typed columns of n records -> {"tokens": int64 (n, length)}."""
        found = self.reader.encode_batch([text[: self.reach] for text in join(columns, self.columns)])
        return {"tokens": np.array([text.ids for text in found], dtype=np.int64).reshape(-1, self.length)}

    def encode_one(self, record: Record) -> Inputs:
        """One typed record -> {"tokens": int64 (1, length)}: what `encode` gives."""
        text = join_one(record, self.columns)[: self.reach]
        return {"tokens": np.array([self.reader.encode(text).ids], dtype=np.int64)}


def _trained(texts: list[str], size: int) -> str:
    """A byte-pair tokenizer of the words, signs and digits in these texts, as JSON."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(individual_digits=True)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        limit_alphabet=size // 2,  # Chinese alone has more characters than a small vocabulary
        max_token_length=LONGEST_TOKEN,
        special_tokens=[PADDING, UNKNOWN],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str()


def _pretrained(name: str) -> tuple[str, int, int]:
    """A tokenizer as JSON, and the numbers of its tokens for padding and the unknown."""
    from transformers import AutoTokenizer

    try:
        found = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ContractError(f"params.yaml: features.tokenizer: {name!r} cannot be loaded: {reason}") from None
    if not hasattr(found, "backend_tokenizer") or found.pad_token_id is None:
        raise ContractError(
            f"params.yaml: features.tokenizer: {name!r} has no padding token or no tokenizer.json: choose another"
        )
    content = json.loads(found.backend_tokenizer.to_str())
    unknown = found.pad_token_id if found.unk_token_id is None else found.unk_token_id
    return json.dumps(content | {"truncation": None, "padding": None}), found.pad_token_id, unknown
