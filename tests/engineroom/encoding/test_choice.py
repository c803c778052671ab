"""The contract and the framework choose the encoder, a bundle names it, and an older one is known by its fields."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from engineroom.contract import ContractError, ParamsError
from engineroom.encoding import encoder_for, load_encoder, modality_of
from engineroom.encoding.choice import CHOSEN

from .made import MACHINERY, contract_of

TABLE = {"age": {"type": "number"}, "plan": {"type": "category"}, "since": {"type": "datetime"}}
FEATURES = {
    "table": TABLE,
    "text": {"a": {"type": "text"}, "b": {"type": "text"}},
    "image": {"photo": {"type": "image"}},
}
LOADED = """
import sys
from engineroom.contract import loads
from engineroom.encoding import MEDIA_TYPES, PARSERS, MAKERS, UNPACKED, encoder_for, load_encoder

contract = loads(sys.stdin.buffer.read(), "made")
assert "text" in PARSERS and "image" in UNPACKED and MAKERS and MEDIA_TYPES
encoder_for(contract, "torch")
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"PIL", "tokenizers", "torch", "sklearn"}))
"""


@pytest.mark.parametrize(("modality", "framework"), CHOSEN)
def test_the_features_and_the_framework_choose_an_encoder(modality: str, framework: Any) -> None:
    contract = contract_of(**FEATURES[modality])
    assert modality_of(contract) == modality
    assert encoder_for(contract, framework).model_fields["kind"].default == CHOSEN[modality, framework]


@pytest.mark.parametrize(
    ("features", "named"),
    [
        (FEATURES["table"] | FEATURES["text"], "table ('age', 'plan', 'since') and text ('a', 'b')"),
        (FEATURES["text"] | FEATURES["image"], "text ('a', 'b') and image ('photo')"),
        ({"one": {"type": "image"}, "two": {"type": "image"}}, "the features are one, two, but a model looks at one"),
    ],
)
def test_features_that_no_encoder_takes_together_are_named(features: dict[str, Any], named: str) -> None:
    with pytest.raises(ContractError, match=re.escape(named)):
        encoder_for(contract_of(**features), "sklearn")


def test_what_params_yaml_says_is_checked_by_the_encoder_and_named_with_its_key() -> None:
    encoder = encoder_for(contract_of(**TABLE), "torch")
    assert encoder.read_params({"max_levels": 7}).model_dump()["max_levels"] == 7
    with pytest.raises(ParamsError) as raised:
        encoder.read_params({"winsorise": 0.7, "descriptor": "hog"})
    assert str(raised.value).splitlines() == [
        "params.yaml: features.winsorise: Input should be less than 0.5 (found 0.7)",
        "params.yaml: features.descriptor: no such key; see docs/contract.md for those that exist",
    ]


OF_BEFORE = {  # fields as 0.6 wrote them
    "table": {"encodings": [], "typical": {"a": 1.0}, "dropped": {}},
    "words": {"columns": ["a"], "known": ["net"], "dropped": {}, "length": 9},
    "tokens": {
        "columns": ["a"],
        "known": [],
        "dropped": {},
        "tokenizer": "{}",
        "length": 9,
        "padding": 0,
        "unknown": 1,
    },
    "descriptors": {
        "column": "a",
        "params": {"size": 8, "fit": "pad", "colour": False, "descriptor": "pixels", "cell": 8},
        "dropped": {},
        "mean": [0.5],
        "scale": [1.0],
    },
    "pixels": {
        "column": "a",
        "params": {"size": 8, "fit": "crop", "colour": False},
        "dropped": {},
        "mean": [0.5],
        "spread": [0.1],
    },
}


@pytest.mark.parametrize("kind", OF_BEFORE)
def test_an_encoder_of_before_is_known_by_its_fields_and_one_of_today_names_itself(kind: str) -> None:
    read = load_encoder(json.dumps(OF_BEFORE[kind]).encode())
    written = json.loads(read.model_dump_json())
    assert written == OF_BEFORE[kind] | {"kind": kind}
    assert load_encoder(read.model_dump_json().encode()) == read


@pytest.mark.parametrize("content", [b"{}", b"[]", b"no JSON", b'{"kind": "planted.Thing"}', b'{"kind": ["table"]}'])
def test_what_is_no_encoder_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"kind: found|JSON|expected"):
        load_encoder(content)


def test_an_encoder_of_one_kind_is_no_other() -> None:
    with pytest.raises(ValueError, match="length"):
        load_encoder(json.dumps({**OF_BEFORE["table"], "kind": "words"}).encode())


@pytest.mark.parametrize(("type_", "needed"), [("number", ""), ("text", "tokenizers"), ("image", "PIL")])
def test_a_library_is_imported_only_where_the_columns_need_it(type_: str, needed: str) -> None:
    contract = contract_of(a={"type": type_}).model_dump_json().encode()  # JSON is YAML
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        input=contract,
        env={"PYTHONPATH": MACHINERY, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().split() == needed.split()
