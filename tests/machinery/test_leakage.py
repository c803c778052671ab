"""Nothing outside the training part may teach the model anything."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from customer_model.engineroom import contract as contracts
from customer_model.engineroom.artifacts.paths import CANDIDATE, PARTS, SPLIT, SUMS, read_json
from customer_model.engineroom.contract import Contract
from customer_model.engineroom.encoding import encoder_for
from customer_model.engineroom.judging.leakage import near_copies
from customer_model.engineroom.reading import tables as table
from customer_model.engineroom.settings.params import load_params
from customer_model.engineroom.stages.running import PipelineError
from customer_model.pipeline import split, train
from customer_model.project import learner


def test_other_test_rows_change_nothing_that_is_trained(in_project: Path) -> None:
    before, test = (CANDIDATE / SUMS).read_text(), table.read_part("test")
    table.write_table(test.take(np.arange(test.num_rows)[::2]), PARTS / "test.parquet")
    train.train()
    table.write_table(test, PARTS / "test.parquet")
    assert (CANDIDATE / SUMS).read_text() == before


def test_other_training_rows_change_what_is_trained(in_project: Path, contract: Contract) -> None:
    """The counterpart of the test above: what it compares does change when it should."""
    fitting = table.read_part("train")
    halves = fitting.slice(0, fitting.num_rows // 2), fitting.slice(fitting.num_rows // 2)
    encoder = encoder_for(contract, learner().framework.NAME)
    params = encoder.read_params(load_params().features)
    fitted = [encoder.fit(table.columns_of(half), contract, params) for half in halves]
    assert fitted[0] != fitted[1]


def test_a_copy_of_the_target_is_named(in_project: Path, contract: Contract) -> None:
    frame = table.read_table(Path("data/clean.parquet")).to_pandas()
    name = next(iter(contract.features))
    planted = with_column(contract, name, "number")
    frame[name] = frame[contract.target.name].astype("category").cat.codes.astype(float)
    found = near_copies(frame, planted, load_params().leakage, seed=0)
    assert any(repr(name) in message for message in found)


def test_a_group_in_two_parts_is_named(in_project: Path, contract: Contract) -> None:
    planted = with_column(contract, "somebody", "id", "id")
    rows = pa.table({"somebody": pa.array(["a", "b", "a", "c"])})
    parts = {"train": np.array([0, 1]), "validation": np.array([3]), "test": np.array([2])}
    if contract.only("time"):
        pytest.skip("a split by time may show the same id twice")
    with pytest.raises(PipelineError, match="somebody"):
        split.refuse_overlap(rows, parts, planted)


def test_groups_and_times_keep_to_one_part(in_project: Path, contract: Contract) -> None:
    parts = {name: table.read_part(name) for name in ("train", "validation", "test")}
    if time := contract.only("time"):
        latest = [parts[name].column(time).to_pandas() for name in ("train", "validation", "test")]
        assert latest[0].max() < latest[1].min() and latest[1].max() < latest[2].min()
    if group := contract.only("group"):
        seen = [set(part.column(group).to_pylist()) for part in parts.values()]
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    rows = [part.num_rows for part in (*parts.values(), table.read_table(Path("data/clean.parquet")))]
    assert sum(rows[:3]) + read_json(SPLIT)["left_out"] == rows[3]


def with_column(contract: Contract, name: str, kind: str, role: str = "feature") -> Contract:
    content: dict[str, Any] = contract.model_dump(mode="json")
    content["columns"][name] = {"type": kind, "role": role}
    others = [other for other in content["columns"] if other not in (name, contract.target.name)]
    for other in others:
        roles = [held for held in content["columns"][other]["role"] if held not in ("group", "time")]
        content["columns"][other]["role"] = roles or ["sensitive"]
    return contracts.parse(content | {"eligibility": [], "derived": {}}, "contract.yaml")
