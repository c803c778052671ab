"""Tickets to the hotline of a telephone and internet company that does not exist, in five languages.

They look like what people type: mistyped, with emoji, empty now and then, or with a log pasted below. Nothing here
knows what is predicted; `__main__` adds that column.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import command
from .phrases import ASIDES, EMOJI, MOODS, OPENINGS, TOPICS

Table = dict[str, NDArray[Any]]
Target = Callable[[Table, np.random.Generator], NDArray[Any]]

NEWEST = np.datetime64("2026-06-30T18:00", "s")
DAYS = 180
DUPLICATES = 0.006  # share of lines that repeat another one, as happens when exports overlap
LANGUAGES = {"en": 0.4, "de": 0.22, "es": 0.14, "ru": 0.12, "ja": 0.12}
SHIFTED = {"en": 0.2, "de": 0.1, "es": 0.1, "ru": 0.1, "ja": 0.5}
SUBJECTS = {"billing": 0.34, "outage": 0.28, "account": 0.22, "cancellation": 0.16}
MOOD_SHARES = (0.2, 0.4, 0.28, 0.12)
SECOND_TOPIC = 0.25  # share of tickets that mention another topic, too
MISTYPED = 0.03  # share of characters in the tickets of those who type badly
LOG_LINE = "{}:{:02d}:{:02d} pppoe[{}]: LCP timeout, retry {} (code 0x{:04x})\n"
MAIL_NAMES = "amber basil coral dune ember flint grove heron indigo jade kestrel lark"

# Not in the file: what the writer means. The message shows it, more or less.
HIDDEN = ("topic", "mood")


def draw(rows: int, rng: np.random.Generator, shift: float = 0.0) -> Table:
    """`rows` different tickets, oldest first, as arrays of length `rows` by column name.

    `shift` moves the population, not what drives the target: at 1.0 half of the tickets are Japanese, and they are
    twice as long.
    """
    language = _choose(LANGUAGES, rows, rng)
    language = np.where(rng.random(rows) < min(shift, 1.0), _choose(SHIFTED, rows, rng), language)
    topic = _choose(SUBJECTS, rows, rng)
    mood = rng.choice(len(MOOD_SHARES), rows, p=MOOD_SHARES)
    seconds = np.sort(rng.integers(0, DAYS * 86_400, rows))
    names = zip(rng.choice(MAIL_NAMES.split(), rows), rng.permutation(rows), strict=True)
    written = zip(language.tolist(), topic.tolist(), mood.tolist(), strict=True)
    return {
        "ticket_id": np.array([f"T{number:07d}" for number in 1_000_000 + np.arange(rows) * 3]),
        "created_at": NEWEST - (DAYS * 86_400 - seconds),
        "email": np.array([f"{name}.{number}@example.com" for name, number in names]),
        "language": language,
        "message": np.array([message(*facts, rng, shift) for facts in written], dtype=object),
        "topic": topic,
        "mood": mood,
    }


def message(language: str, topic: str, mood: int, rng: np.random.Generator, shift: float = 0.0) -> str:
    """What one customer writes; a few write nothing, and a few paste a log."""
    if rng.random() < 0.01:
        return ""
    sentences = [_pick(TOPICS[topic][language], rng) for _ in range(1 + int(rng.poisson(0.4 + 2 * shift)))]
    if rng.random() < SECOND_TOPIC:
        sentences.append(_pick(TOPICS[_pick(list(TOPICS), rng)][language], rng))
    sentences += [_pick(ASIDES[language], rng) for _ in range(int(rng.poisson(0.7 + shift)))]
    if rng.random() < 0.75:
        sentences.append(MOODS[language][mood])
    rng.shuffle(sentences)
    text = _filled([_pick(OPENINGS[language], rng), *sentences] if rng.random() < 0.6 else sentences, language, rng)
    if rng.random() < 0.25:
        text = _mistyped(text, rng)
    if rng.random() < 0.3:
        text += " " + _pick(EMOJI[mood], rng) * int(rng.integers(1, 4))
    return text + "\n\n" + _log(rng) if rng.random() < 0.005 else text


def _filled(sentences: list[str], language: str, rng: np.random.Generator) -> str:
    """Sentences as one text, with a number and a day in their places."""
    separator = "" if language == "ja" else _pick([" ", " ", "\n"], rng)
    return separator.join(sentences).format(number=rng.integers(2, 400), day=rng.integers(1, 29))


def _mistyped(text: str, rng: np.random.Generator) -> str:
    """A text with some characters left out or doubled, and some shouted in capitals."""
    times = rng.choice([0, 1, 2], len(text), p=[MISTYPED / 2, 1 - MISTYPED, MISTYPED / 2])
    typed = "".join(character * count for character, count in zip(text, times, strict=True))
    return typed.upper() if rng.random() < 0.2 else typed


def _log(rng: np.random.Generator) -> str:
    """Some hundreds of lines that a router wrote."""
    numbers = rng.integers(0, 60, (int(rng.integers(100, 400)), 5)).tolist()
    return "".join(LOG_LINE.format(a % 24, b, c, 100 + d, e, 7 * a + e) for a, b, c, d, e in numbers)


def _pick(choices: list[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def _choose(weights: dict[str, float], rows: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """`rows` levels drawn in proportion to their weights."""
    return rng.choice(list(weights), rows, p=np.array(list(weights.values())) / sum(weights.values()))


def write(table: Table, path: Path, rng: np.random.Generator) -> None:
    """Write a table as CSV the way it leaves a ticket system: some lines twice, in any order."""
    rows = len(table["ticket_id"])
    copies = int(rows * DUPLICATES)
    kept = rows - copies  # the file has as many lines as the table has rows
    lines = rng.permutation(np.concatenate([np.arange(kept), rng.choice(kept, copies, replace=False)]))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        writer.writerows(zip(*(values[lines].astype(object) for values in table.values()), strict=True))


def run(target: str, compute: Target) -> None:
    """The command of `__main__`: draw tickets, add the target column, write the file."""

    def make(rows: int, shift: float, out: Path, rng: np.random.Generator) -> None:
        table = draw(rows, rng, shift)
        shown = {name: values for name, values in table.items() if name not in HIDDEN}
        write(shown | {target: compute(table, rng)}, out, rng)

    command.run("tickets", make, rows=2000, out=Path("data/raw/tickets.csv"))
