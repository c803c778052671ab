"""A contract is read as it was written, and what is wrong with its file is said with the file's name."""

from pathlib import Path

import pytest
from engineroom.contract import ContractError, UserError, load, loads

WRITTEN = """
problem: {name: made}
source: {path: made.csv}
target: {name: "yes", kind: multiclass}
columns:
  age: {type: number, min: 1}
  code: {type: category, allowed: [007, 2026-01-31, no, 1.50, 12, true]}
  yes: {type: category, role: target}
"""
BROKEN = {
    "columns:\n  a: 1\n  a: 2\n": r"line 3: the key 'a' stands there twice",
    "columns: [": "not valid YAML",
    "[" * 5000: "nested too deep",
    "just a text": "mistake",
    'problem: {name: "\\ud800"}': "not Unicode text",
}


def test_a_label_stays_as_it_stands_in_the_data() -> None:
    given = loads(WRITTEN.encode(), "contract.yaml")
    assert given.columns["code"].allowed[:3] == ("007", "2026-01-31", "no")
    assert given.columns["code"].allowed[-2:] == ("12", "true")
    assert given.target.name == "yes"


@pytest.mark.parametrize("text", BROKEN, ids=BROKEN.values())
def test_what_is_wrong_with_a_file_is_said_with_its_name(text: str) -> None:
    with pytest.raises(ContractError, match=f"mine.yaml(.|\n)*{BROKEN[text]}"):
        loads(text.encode(), "mine.yaml")


def test_another_encoding_is_named() -> None:
    with pytest.raises(ContractError, match="mine.yaml: not Unicode text in UTF-8"):
        loads("name: Möß".encode("latin-1"), "mine.yaml")


def test_a_file_that_is_not_there_is_told_how_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file; `make contract"):
        load(tmp_path / "contract.yaml")
