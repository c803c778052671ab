"""What a text is: how it is read, normalised, cut into words and described, whichever model reads it.

Texts may be of any language and script. Nothing here knows about models or HTTP.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..contract import Contract, ContractError, Section
from ..showing import shared
from .encoder import Columns, Encoder, LeftOut, Record

Kind = Literal["joins", "alone", "breaks"]

LIMIT = 100_000  # characters
DESCRIBED = 4_000  # characters of a text that drift looks at, apart from its length
CACHED = 2**16  # characters whose properties are remembered: more than texts use, few enough to hold
SELECTOR = "VARIATION SELECTOR"  # says how the sign before it is drawn, and is no word
LONGEST_INVENTED = 40  # words
RUNS = 50  # of words that an explanation leaves out, one after the other
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")  # written without blanks
SCRIPTS = {"cjk": "han", "hiragana": "kana", "katakana": "kana"}  # others go by the first word of their letters' names


def parse(raw: Any) -> str | None:
    """A text as it came, or None when it is missing or blank; bytes and files are read as UTF-8.

    Raises:
        ValueError: what is given is no text, not Unicode or too long.
    """
    if raw is None or (isinstance(raw, float) and math.isnan(raw)):
        return None
    if isinstance(raw, Path):
        raw = _read(raw)
    if isinstance(raw, bytes):
        raw = _decode(raw)
    if not isinstance(raw, str):
        raise ValueError(f"a text is expected, not {type(raw).__name__}")
    if len(raw) > LIMIT:
        raise ValueError(f"the text has {len(raw):,} characters, {LIMIT:,} are allowed: shorten it")
    _check_storable(raw)
    return raw if raw.strip() else None


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size > 4 * LIMIT:  # bytes of the longest characters
        raise ValueError(f"{path}: has {path.stat().st_size:,} bytes, a text may have {LIMIT:,} characters: shorten it")
    return path.read_bytes()


def _check_storable(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("the text holds half a surrogate pair, which no file can store") from None


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the text is not UTF-8 (byte {error.start:,}): save or send it as UTF-8") from None


def normalise(text: str) -> str:
    """One spelling for what reads the same: NFKC, case folded, each run of white space one blank."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


@lru_cache(CACHED)
def kind(character: str) -> Kind:
    """What a character does to words: it joins its neighbours, is a word by itself, or ends a word.

    Ideographs, kana and the like stand alone, as their scripts write no blanks between words; emoji do, too.
    """
    category, name = unicodedata.category(character), unicodedata.name(character, "")
    if category[0] in "LMN" and not name.startswith(SELECTOR):
        return "alone" if name.startswith(UNSPACED) else "joins"
    return "alone" if category == "So" else "breaks"


@lru_cache(CACHED)
def _spaced(character: str) -> str:
    return {"joins": character, "alone": f" {character} ", "breaks": " "}[kind(character)]


def words(text: str) -> list[str]:
    """The words of a normalised text, in their order."""
    return "".join(map(_spaced, text)).split()


def spans(text: str) -> list[tuple[int, int]]:
    """Where each word of a text begins, and where it has ended, in characters of the text as it stands."""
    return [found.span() for found in re.finditer("j+|a", "".join(kind(character)[0] for character in text))]


@lru_cache(CACHED)
def _script(character: str) -> str | None:
    """The script of a letter, None for what is no letter."""
    if unicodedata.category(character)[0] != "L":
        return None
    first = unicodedata.name(character, "unnamed").split()[0].split("-")[0].lower()
    return SCRIPTS.get(first, first)


@lru_cache(CACHED)
def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] not in "LMZ" and not character.isspace()


def script(characters: Counter[str]) -> str:
    """The script that most letters belong to: latin, cyrillic, han, ...; none without letters."""
    letters: Counter[str] = Counter()
    for character, times in characters.items():
        if found := _script(character):
            letters[found] += times
    return letters.most_common(1)[0][0] if letters else "none"


def describe(text: str, known: frozenset[str]) -> dict[str, float | str | None]:
    """Numbers and a category that move when texts change; None where an empty text has no such thing.

    Lengths are logarithms: a few texts of many pages would otherwise hide that all the others grew. What takes a look
    at each character is that of the first pages.
    """
    head = text[:DESCRIBED]
    found, characters = words(normalise(head)), Counter(head)
    signs = sum(times for character, times in characters.items() if _is_sign(character))
    return {
        "characters (log10)": math.log10(1 + len(text)),
        "words (log10)": math.log10(1 + len(found) * len(text) / max(len(head), 1)),
        "unknown words": sum(word not in known for word in found) / len(found) if found else None,
        "script": script(characters),
        "signs": signs / len(head) if head else None,
    }


class TextParams(Section):
    """How texts are encoded, whichever model reads them."""

    known_after: int = Field(5, ge=1, description="training records that hold a word before drift calls it known")


class Words(LeftOut):
    """What an explanation leaves out: a word, or a run of neighbouring words where there are many."""

    value: str
    start: int = Field(description="the first character's place in the text")
    end: int = Field(description="the place behind the last character")


class TextEncoder(Encoder):
    """What every encoder of texts learns: which columns it reads, and which words are common in the training part."""

    Part: ClassVar[type[LeftOut]] = Words

    columns: tuple[str, ...]
    known: tuple[str, ...] = Field(description="common words of the training part, sorted")

    @property
    def names(self) -> list[str]:
        return list(self.columns)

    @cached_property
    def known_words(self) -> frozenset[str]:
        return frozenset(self.known)

    @property
    def reach(self) -> int:
        """Characters of a record that the model may read."""
        raise NotImplementedError

    def occlude(self, record: Record, contract: Contract) -> Iterator[tuple[Words, Record]]:
        """The record without one run of words after the other; what the model does not reach is no part."""
        texts = {name: record.get(name) or "" for name in self.columns}
        found, left = {}, self.reach
        for name, text in texts.items():
            found[name] = spans(text[:left])
            left = max(0, left - len(text) - 1)  # a line break joins them
        size = math.ceil(sum(map(len, found.values())) / RUNS)
        for name, text in texts.items():
            for first in range(0, len(found[name]), size or 1):
                run = found[name][first : first + size]
                start, end = run[0][0], run[-1][1]
                words = Words(part=name, value=text[start:end], start=start, end=end)
                yield words, {**record, name: text[:start] + text[end:]}

    def describe(self, columns: Columns, contract: Contract) -> dict[str, list[Any]]:
        """What drift looks at: numbers and a category for each text column."""
        described: dict[str, list[Any]] = {}
        for name in contract.features:
            texts = [text if isinstance(text, str) else "" for text in columns[name]]
            found = [describe(text, self.known_words) for text in texts]
            described |= {f"{name} {key}": [entry[key] for entry in found] for key in describe("", frozenset())}
        return described


def join(columns: Columns, names: Sequence[str]) -> list[str]:
    """One text for each record: its named columns under one another, a missing one left out."""
    return [_joined(texts) for texts in zip(*(columns[name] for name in names), strict=True)]


def join_one(record: Record, names: Sequence[str]) -> str:
    """The text of one record, as `join` gives it."""
    return _joined(record.get(name) for name in names)


def _joined(texts: Iterable[Any]) -> str:
    return "\n".join(text for text in texts if isinstance(text, str))


def fit_texts(columns: Columns, contract: Contract, params: TextParams) -> dict[str, Any]:
    """The fields of a `TextEncoder`, learned from the training part.

    Raises:
        ContractError: no text is left to learn from.
    """
    missing = {name: _missing_share(columns[name]) for name in contract.features}
    dropped = {
        name: f"{share:.0%} of its values are missing"
        for name, share in missing.items()
        if share > contract.quality.drop_above_missing or share == 1
    }
    read = tuple(name for name in missing if name not in dropped)
    if not read:
        raise ContractError(f"no feature is left to learn from: {dropped}")
    texts = (text for name in read for text in columns[name] if isinstance(text, str))
    counts = Counter(word for text in texts for word in set(words(normalise(text))))
    known = sorted(word for word, count in counts.items() if count >= params.known_after)
    return {"columns": read, "known": tuple(known), "dropped": dropped}


def invent(texts: Sequence[str], owners: Sequence[Any], generator: np.random.Generator, count: int) -> list[str]:
    """Texts that nobody wrote: words that several use, in any order. `owners` says whose each text is."""
    used = [(set(words(normalise(text))), owner) for text, owner in zip(texts, owners, strict=True)]
    common = shared((word, owner) for found, owner in used for word in found) or {"example": 1}
    shares = np.array(list(common.values())) / sum(common.values())
    least, most = np.quantile([len(found) for found, _ in used], [0.1, 0.9]).clip(1, LONGEST_INVENTED).round()
    lengths = generator.integers(int(least), int(most) + 1, count)
    return [" ".join(generator.choice(list(common), length, p=shares)) for length in lengths]


def _missing_share(texts: Sequence[Any]) -> float:
    return sum(not isinstance(text, str) for text in texts) / max(len(texts), 1)
