"""A text of any script means the same to training, service and drift, and what is no text is refused by name."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from engineroom.encoding.text import LIMIT, TextEncoder, describe, normalise, parse, script, words
from engineroom.encoding.tokens import TokenEncoder, TokenParams
from engineroom.encoding.words import WordEncoder, WordParams
from odd_texts import ODD

from .made import contract_of

CONTRACT = contract_of(subject={"type": "text"}, message={"type": "text"})


@pytest.fixture(scope="module", params=["words", "tokens"])
def encoder(request: pytest.FixtureRequest) -> TextEncoder:
    columns = {"subject": ["No net", "счёт 請求"] * 9, "message": ["don't 😡!", None] * 9}
    if request.param == "words":
        return WordEncoder.fit(columns, CONTRACT, WordParams())
    return TokenEncoder.fit(columns, CONTRACT, TokenParams(vocabulary=100))


def test_one_record_and_many_are_encoded_alike(encoder: TextEncoder) -> None:
    columns = dict.fromkeys(encoder.columns, ODD)
    [(name, many)] = encoder.encode(columns).items()
    for row in range(len(ODD)):
        one = encoder.encode_one({column: texts[row] for column, texts in columns.items()})
        np.testing.assert_array_equal(one[name], many[row : row + 1])


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ("half of \ud83d", "half a surrogate pair"),
        ("x" * (LIMIT + 1), f"{LIMIT:,} are allowed"),
        (b"caf\xe9", "not UTF-8"),
        (12, "not int"),
        (["a"], "not list"),
    ],
)
def test_what_is_no_text_is_refused(raw: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse(raw)


def test_blank_is_missing_and_the_rest_stays_as_it_came() -> None:
    assert [parse(raw) for raw in (None, float("nan"), "", " \n\u3000", b"")] == [None] * 5
    assert parse(" Ünï\n") == " Ünï\n" and parse("счёт".encode()) == "счёт"


def test_each_word_is_left_out_once(encoder: TextEncoder) -> None:
    name = encoder.columns[0]
    text = "No net, don't! Счёт 請求😡"
    left_out = [*encoder.occlude({name: text}, CONTRACT)]
    assert [part.value for part, _ in left_out] == ["No", "net", "don", "t", "Счёт", "請", "求", "😡"]
    assert left_out[1][1] == {name: "No , don't! Счёт 請求😡"}
    assert all(part.value == text[part.start : part.end] for part, _ in left_out)
    assert [[*encoder.occlude({name: empty}, CONTRACT)] for empty in (None, "", " !")] == [[], [], []]


def test_words_of_a_long_text_are_left_out_in_runs(encoder: TextEncoder) -> None:
    record = dict.fromkeys(encoder.columns, "слово " * 10_000)
    parts = [part for part, _ in encoder.occlude(record, CONTRACT)]
    assert 40 <= len(parts) <= 50 + len(encoder.columns)
    assert parts[0].start == 0 and parts[-1].end <= encoder.reach <= parts[-1].end + 6
    [(name, given)] = encoder.encode_one(record).items()
    shortened = {name: text[: encoder.reach] for name, text in record.items()}
    np.testing.assert_array_equal(encoder.encode_one(shortened)[name], given)


def test_what_reads_the_same_is_one_spelling() -> None:
    assert normalise(" Ｓｔｒａße\n\tÉ ") == normalise("STRASSE e\u0301")
    assert all(normalise(normalise(text)) == normalise(text) for text in ODD if text)


def test_words_are_found_in_every_script() -> None:
    assert words("don't, счёт!") == ["don", "t", "счёт"]
    assert words("請求 ok😡") == ["請", "求", "ok", "😡"]


def test_scripts_are_told_apart() -> None:
    scripts = {"Straße": "latin", "счёт": "cyrillic", "請求書": "han", "ひらがな": "kana", "فاتورة": "arabic"}
    for text, expected in {**scripts, "한국어": "hangul", "123 !?": "none", "": "none"}.items():
        assert script(Counter(text)) == expected


def test_unknown_words_and_an_empty_text_are_described() -> None:
    assert describe("known other", frozenset(["known"]))["unknown words"] == 0.5
    assert describe("", frozenset())["unknown words"] is None


def test_a_long_text_is_described_by_its_first_pages() -> None:
    found = describe("known other! " * 7_000, frozenset(["known"]))
    assert found["words (log10)"] == pytest.approx(math.log10(14_000), abs=0.001)
    assert found["unknown words"] == pytest.approx(0.5, abs=0.01)
    assert found["signs"] == pytest.approx(1 / 13, abs=0.001)


def test_what_the_model_does_not_reach_costs_nothing(encoder: TextEncoder) -> None:
    far = dict.fromkeys(encoder.columns, " " * encoder.reach + "word")
    empty = dict.fromkeys(encoder.columns, "")
    [given], [expected] = (encoder.encode_one(record).values() for record in (far, empty))
    np.testing.assert_array_equal(given, expected)
