"""Any text as ASCII, without loss, in a way that shows where its words are.

The tokenizer in an ONNX graph and Python's regular expressions disagree about everything beyond ASCII, and about
blanks within a token. Here a letter outside a-z becomes one capital and six hexadecimal digits: `счёт 7!` becomes
`L000441L000447L000451L000442_7P000021`. Both sides then read the same words and the same characters.
"""

from functools import lru_cache

from .text import CACHED, kind

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
CAPITALS = {"joins": "L", "alone": "W", "breaks": "P"}  # letter, word by itself, punctuation
WORD = "(?:[a-z0-9]|L[0-9a-f]{6})+|W[0-9a-f]{6}"
CHARACTER = "[LWP][0-9a-f]{6}|[a-z0-9_]"


@lru_cache(CACHED)
def _escaped(character: str) -> str:
    if character in PLAIN:
        return character
    return "_" if character == " " else f"{CAPITALS[kind(character)]}{ord(character):06x}"


def to_ascii(text: str) -> str:
    """A text in which `WORD` finds the words and `CHARACTER` each character; blanks are underscores."""
    return "".join(map(_escaped, text))
