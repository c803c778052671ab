"""What of the data a project shows: nothing that one record alone has. Records that are shown are made up."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import MODALITIES, Module, Render, run

SHOWN = 100
PEOPLE = 600


def column(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, **more}


def people(seed: int = 0) -> dict[str, list[Any]]:
    """A table in which nearly every column tells who it is, and a few columns tell nothing."""
    generator = np.random.default_rng(seed)
    born = [datetime(1950, 1, 1) + timedelta(days=int(day)) for day in generator.integers(0, 18_000, PEOPLE)]
    return {
        "customer": [f"c{number % 120}" for number in range(PEOPLE)],  # five records each
        "name": [f"Name {number % 120}" for number in range(PEOPLE)],
        "town": ["Springfield", "Shelbyville"] * (PEOPLE // 2 - 1) + ["Ogdenville", "North Haverbrook"],
        "salary": [float(round(value, 2)) for value in generator.lognormal(10, 1, PEOPLE)],
        "children": [float(value) for value in generator.poisson(1, PEOPLE)],
        "code": [float(value) for value in generator.choice([1, 1000, 5000], PEOPLE)],
        "born": born,
        "member": [bool(value) for value in generator.random(PEOPLE) < 0.5],
        "empty": [None] * PEOPLE,
        "y": ["no", "yes"] * (PEOPLE // 2),
    }


COLUMNS = {
    "customer": column("id", role=["id", "group"]),
    "name": column("category"),
    "town": column("category"),
    "salary": column("number"),
    "children": column("integer"),
    "code": column("integer"),
    "born": column("datetime", format="%m/%Y"),
    "member": column("boolean"),
    "empty": column("category", nullable=True),
    "y": column("category", role="target"),
}


def made(code: Module, columns: dict[str, Any], data: dict[str, list[Any]], **more: Any) -> tuple[Any, pa.Table]:
    """The contract, and the table as the pipeline has it."""
    content = {
        "problem": {"name": "made"},
        "source": {"path": "made.parquet"},
        "target": {"name": "y", "kind": "binary", "positive": "yes"},
        "columns": columns,
        **more,
    }
    contract, table = code("engineroom.contract").parse(content, "made"), code("engineroom.reading.tables")
    types = {name: table.arrow_type(contract.columns[name]) for name in columns}
    return contract, pa.table({name: pa.array(data[name], types[name]) for name in columns})


def drawn(code: Module, contract: Any, table: pa.Table, count: int = SHOWN) -> list[dict[str, Any]]:
    draw = code("engineroom.learning.synthetic").draw
    return draw(contract, list(contract.features), table, np.random.default_rng(1), count)


def test_what_one_record_alone_has_is_not_drawn(code: Module) -> None:
    data = people()
    contract, table = made(code, COLUMNS, data)
    records = pd.DataFrame(drawn(code, contract, table))
    assert set(records["town"]) == {"Springfield", "Shelbyville"}
    assert set(records["name"]) == {"example"}, "five records of one customer are one customer's"
    assert not set(records["salary"]) & set(data["salary"])
    assert min(data["salary"]) < records["salary"].min() and records["salary"].max() < max(data["salary"])
    assert records["salary"].nunique() > 20 and set(records["code"]) == {1, 1000, 5000}
    assert set(records["children"]) <= {0, 1, 2, 3, 4} and records["children"].nunique() > 2
    assert records["empty"].isna().all() and set(records["member"]) == {True, False}
    assert drawn(code, contract, table) == drawn(code, contract, table)
    reader, to_raw = code("engineroom.reading.reader").Reader(contract), code("engineroom.reading.records").to_raw
    assert not [
        finding
        for record in records.to_dict("records")
        for finding in reader.one(to_raw(contract, record | {"empty": None}))[1]
    ]


def test_the_order_of_the_data_tells_nothing(code: Module) -> None:
    """Who knows the seed learns no more than counts and quantiles."""
    contract, table = made(code, COLUMNS, people())
    turned = table.take(np.arange(PEOPLE)[::-1])
    unlink = code("engineroom.learning.synthetic").unlink
    columns = [{name: one.column(name).to_pylist() for name in contract.features} for one in (table, turned)]
    assert unlink(columns[0], range(PEOPLE), 42) == unlink(columns[1], range(PEOPLE), 42)


def test_levels_that_few_have_are_one_in_the_reference(code: Module) -> None:
    synthetic, rare = code("engineroom.learning.synthetic"), code("engineroom.showing").RARE
    contract, table = made(code, COLUMNS, data := people())
    columns = {name: data[name] for name in ("name", "town", "salary", "born", "empty")}
    owners = synthetic.owners_of(table, contract)
    unlinked = synthetic.unlink(columns, owners, 42)
    assert set(unlinked["town"]) == {"Springfield", "Shelbyville", rare}
    assert set(unlinked["name"]) == {rare} and set(unlinked["empty"]) == {None}
    for name in ("salary", "born"):
        assert sorted(unlinked[name]) == sorted(data[name]) and unlinked[name] != data[name]
    pairs = [set(zip(one["salary"], one["born"], strict=True)) for one in (unlinked, data)]
    assert not pairs[0] & pairs[1]


def test_in_a_narrow_table_what_several_have_is_shown(code: Module) -> None:
    """Two flags have four combinations: that of one record is not shown, those of many are nobody's."""
    flags = {"a": [True] * 299 + [False] * 301, "b": [True] * 300 + [False] * 300, "y": ["no", "yes"] * 300}
    kinds = {"a": column("boolean"), "b": column("boolean"), "y": COLUMNS["y"]}
    contract, table = made(code, kinds, flags)
    records = drawn(code, contract, table)
    free = code("engineroom.learning.synthetic").of_nobody(records, [table])
    assert {(one["a"], one["b"]) for one, is_free in zip(records, free, strict=True) if not is_free} == {(False, True)}


def test_a_text_of_somebody_is_not_shown_beside_another_date(code: Module) -> None:
    """Short texts are soon made up again."""
    synthetic, day = code("engineroom.learning.synthetic"), datetime(2026, 1, 1)
    when = pa.array([day + timedelta(days=row) for row in range(6)], pa.timestamp("us"))
    table = pa.table({"text": pa.array(["help"] * 5 + ["my bill"], pa.large_string()), "when": when})
    records = [{"text": text, "when": day - timedelta(days=9)} for text in ("help", "my bill", "bill my")]
    assert synthetic.of_nobody(records, [table]) == [True, False, True]


@pytest.mark.parametrize(
    ("columns", "data", "more"),
    [
        pytest.param(
            {"x": column("number"), "state": column("category"), "y": COLUMNS["y"]},
            {"x": np.linspace(0, 1, PEOPLE).tolist(), "state": ["in force"] * PEOPLE},
            {"eligibility": [{"column": "state", "allowed": ["in force"], "reason": "only those"}]},
            id="a rule with a level",
        ),
        pytest.param(
            {"x": column("integer", min=-5, max=3), "y": COLUMNS["y"]},
            {"x": [-5.0, 3.0, *[0.0, 1.0] * (PEOPLE // 2 - 1)]},
            {"eligibility": [{"column": "x", "min": -5, "max": 3, "reason": "only those"}]},
            id="a rule with bounds",
        ),
        pytest.param(
            {"code": column("integer"), "y": COLUMNS["y"]},
            {"code": [float(10 ** (row % 200 % 7)) if row % 200 else 12345.0 for row in range(PEOPLE)]},
            {"eligibility": [{"column": "code", "allowed": [12345, *(10**e for e in range(7))], "reason": "listed"}]},
            id="a rule with numbers",
        ),
        pytest.param(
            {"kind": column("category", allowed=[f"kind {number}" for number in range(PEOPLE)]), "y": COLUMNS["y"]},
            {"kind": [f"kind {number}" for number in range(PEOPLE)]},
            {},
            id="the contract's own levels",
        ),
        pytest.param(
            {"when": column("datetime", min="2026-01-01T08:00:00", max="2026-01-01T09:00:00"), "y": COLUMNS["y"]},
            {"when": [datetime(2026, 1, 1, 8) + timedelta(seconds=5 * row) for row in range(PEOPLE)]},
            {},
            id="moments of one hour",
        ),
        pytest.param(
            {"x": column("number", min=1e-9, max=2e-9), "z": column("number", max=-1e12), "y": COLUMNS["y"]},
            {"x": np.linspace(1e-9, 2e-9, PEOPLE).tolist(), "z": np.linspace(-9e15, -1e12, PEOPLE).tolist()},
            {},
            id="tiny and huge numbers",
        ),
    ],
)
def test_the_contract_takes_what_is_drawn(
    code: Module, columns: dict[str, Any], data: dict[str, list[Any]], more: dict[str, Any]
) -> None:
    contract, table = made(code, columns, data | {"y": ["no", "yes"] * (PEOPLE // 2)}, **more)
    reader, to_raw = code("engineroom.reading.reader").Reader(contract), code("engineroom.reading.records").to_raw
    records = drawn(code, contract, table)
    assert not [finding for record in records for finding in reader.one(to_raw(contract, record))[1]]
    assert len({tuple(record.values()) for record in records}) > 1


def test_the_report_names_no_level_of_a_few(code: Module) -> None:
    town = ["north"] * 300 + ["south"] * 294 + ["atlantis"] * 5 + ["nowhere"]
    kinds = {"town": column("category", role=["feature", "sensitive"], allowed=["north", "south"], outside="accept")}
    data = {"town": town, "y": ["no", "yes"] * (PEOPLE // 2)}
    contract, table = made(code, kinds | {"y": COLUMNS["y"]}, data)
    _, [notice] = code("engineroom.judging.quality").outside_values(table.to_pandas(), contract)
    assert "6 value(s)" in notice and "atlantis" in notice and "nowhere" not in notice
    params, judging = code("engineroom.settings").Params(model={"candidates": {}}), code("engineroom.judging")
    judge = judging.Judge(contract, params, judging.new_decision(["no", "yes"], contract))
    found = judging.slices(table, np.zeros(PEOPLE, dtype=int), np.full((PEOPLE, 2), 0.5), judge)
    assert {slice_["level"]: slice_["rows"] for slice_ in found} == {
        "north": 300, "south": 294, "atlantis": 5, code("engineroom.showing").RARE: 1
    }  # fmt: skip


def test_drift_tells_new_levels_from_those_that_the_reference_does_not_name(code: Module) -> None:
    pool, rare = code("engineroom.monitoring.drifting").pool_rare, code("engineroom.showing").RARE
    each = pd.Series([f"town {number % 100}" for number in range(5000)], dtype=object)
    new = pd.Series([f"new {number % 100}" for number in range(1000)], dtype=object)
    assert set(pool(each, new)[1]) == {rare} and rare not in set(pool(each, new)[0]), "all towns are new: that is drift"
    names = pd.Series([f"name {number}" for number in range(1000)], dtype=object)
    assert set(pool(pd.Series([rare] * 5000, dtype=object), names)[1]) == {rare}, "nobody has the name of another"
    frequent = pd.Series(["robot"] * 300 + [f"name {number}" for number in range(700)], dtype=object)
    assert set(pool(pd.Series([rare] * 5000, dtype=object), frequent)[1]) == {rare, "robot"}


LOOK = """
import json, sys
from pathlib import Path
import pyarrow as pa
from fastapi.testclient import TestClient
from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.reading.tables import columns_of, read_part, read_table
from customer_model.engineroom.reading.reader import Reader
from customer_model.app import application
from customer_model.engineroom.settings import Environment

bundle = Bundle.load(Path("artifacts/candidate"))
parts = [read_part(name) for name in ("train", "validation", "test")]
data, golden = pa.concat_tables(parts), bundle.manifest.golden
shown, alone = list(golden[0].record), [
    name for name, column in bundle.contract.features.items() if column.type in ("text", "image")
]
made = [Reader(bundle.contract).one(one.record)[0] for one in golden]
records = set(map(str, data.select(shown).to_pylist()))
assert not [one for one in made if str({name: one[name] for name in shown}) in records]
assert not [name for name in alone if {one[name] for one in made} & set(data.column(name).to_pylist())]
scores = {tuple(round(score, 3) for score in one.scores) for one in golden}
assert len(golden) == 5 and len(scores) > 2, scores

looked_at = bundle.describe(columns_of(pa.concat_tables(parts[:2])))
reference = read_table(bundle.path / "reference.parquet").to_pydict()
assert sorted(reference) == sorted(looked_at)
rows = [set(zip(*(map(str, columns[name]) for name in looked_at))) for columns in (reference, looked_at)]
assert not rows[0] & rows[1]

app = application(Environment(bundle=bundle.path, prediction_log=sys.argv[1], authentication="off"))
with TestClient(app) as client:
    public = client.get("/openapi.json").text + client.get("/metadata").text
assert json.dumps(golden[0].record[shown[0]], ensure_ascii=False)[1:30] in public
texts = {text for name in alone for text in data.column(name).to_pylist() if isinstance(text, str) and len(text) > 20}
assert not [text for text in texts if json.dumps(text, ensure_ascii=False)[1:-1] in public]
"""


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
def test_no_record_of_the_data_leaves_the_pipeline(trained: Render, tmp_path: Any, modality: str) -> None:
    run(trained(modality=modality), "python", "-c", LOOK, str(tmp_path / "log.db"), SERVICE_ALLOW_FAILED_GATE="1")
