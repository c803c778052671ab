"""A record means the same however it is sent, and every rule of the contract is kept or answered with a warning."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pydantic_core import from_json

from customer_model.engineroom.contract import NUMERIC, Contract
from customer_model.engineroom.reading.reader import (
    ABSENT,
    MOST_UNKNOWN,
    Field,
    Finding,
    Reader,
    record_schema,
    refused,
)
from customer_model.engineroom.reading.records import to_raw
from customer_model.engineroom.scoring.files import score, without_formulas
from customer_model.engineroom.scoring.predictor import Predictor
from customer_model.engineroom.serving.routes.open_inference import NAME

NAN, INFINITY = float("nan"), float("inf")
# fmt: off
ODD: list[Any] = [
    None, ABSENT, "", " ", "x", "0", "1", " 7 ", "1,234.5", "nan", "NA", "yes", "False", 0, 1, -1, 3.5, -0.0,
    1e300, -1e300, 10**400, 2**70, NAN, INFINITY, True, False, [], {}, [1], "\ud800", "\x00",
    "2026-01-31", "2026-01-31T08:00:00Z", "2026-01-31T08:00:00+14:00", "20260131", "9999-12-31", "0001-01-01",
    " 2026-01-31 ", "Straße", "😡",
]
# fmt: on


def same(left: Any, right: Any) -> bool:
    return left is right or (type(left) is type(right) and left == right)


@pytest.fixture(scope="module")
def fields(contract: Contract) -> list[Field]:
    return Reader(contract).fields


def odd(field: Field) -> list[Any]:
    column = field.column
    bounds = [bound for bound in (column.min, column.max) if isinstance(bound, (int, float))]
    return [*ODD, *column.levels, *bounds, *(bound + step for bound in bounds for step in (-1, -0.5, 0.5, 1))]


def test_what_passes_without_a_closer_look_is_what_that_sees(fields: list[Field]) -> None:
    for field in fields:
        for raw in odd(field):
            findings: list[Finding] = []
            seen, looked = field.read(raw, 0, findings), field.look(raw, 0, findings)
            assert same(seen, looked) and len(findings) in (0, 2), (field.name, raw)


def test_a_column_is_read_as_its_values_are(fields: list[Field]) -> None:
    for field in fields:
        for raw in odd(field):
            for values in ([raw], [raw, raw], [0, raw], [raw, 1.5], [1, raw, 2], [True, raw], ["x", raw], [NAN, raw]):
                together: list[Finding] = []
                alone: list[Finding] = []
                typed = field.read_all(values, together)
                expected = [field.look(value, row, alone) for row, value in enumerate(values)]
                assert all(map(same, typed, expected)) and together == alone, (field.name, values)


def test_a_plain_record_is_the_one_that_is_read_with_care(contract: Contract, predictor: Predictor) -> None:
    reader, plain = Reader(contract), 0
    for field in reader.fields:
        example = predictor.examples[0].get(field.name)
        for raw in [example, *(value for value in odd(field) if value is not ABSENT)]:
            body = json.dumps({**predictor.examples[0], field.name: raw}).encode()
            record = reader.plain(body)
            if record is not None:
                assert (record, []) == reader.one(from_json(body)), (field.name, raw)
                plain += 1
    assert plain >= len(reader.fields)
    twice = json.dumps(predictor.examples[0]).encode()[:-1] + f", {json.dumps(reader.fields[-1].name)}: []}}".encode()
    assert reader.plain(twice) is None


def test_one_record_and_many_are_read_alike(contract: Contract, predictor: Predictor) -> None:
    reader = Reader(contract)
    for field in reader.fields:
        records = [{**predictor.examples[0], field.name: raw} for raw in odd(field)]
        records = [{name: raw for name, raw in record.items() if raw is not ABSENT} for record in records]
        columns, found = reader.many(
            {name: [record.get(name, ABSENT) for record in records] for name in contract.inputs}, len(records)
        )
        for row, raw in enumerate(records):
            record, findings = reader.one(raw)
            own = [finding._replace(row=0) for finding in found if finding.row == row]
            assert own == findings, (field.name, raw)
            assert all(record[name] == columns[name][row] for name in record), (field.name, raw)


def in_all_shapes(client: TestClient, record: Mapping[str, Any]) -> dict[str, Any]:
    """The answers to the same record: alone, in a list, by column, as tensors."""
    listed = {name: [value] for name, value in record.items()}
    tensors = [{"name": name, "shape": [1], "datatype": "BYTES", "data": data} for name, data in listed.items()]
    return {
        "/": client.post("/predict", json=record),
        "/records/0/": client.post("/predict/batch", json={"records": [record]}),
        "/columns/": client.post("/predict/batch", json={"columns": listed}),
        "/inputs/": client.post(f"/v2/models/{NAME}/infer", json={"inputs": tensors}),
    }


def test_every_shape_of_a_request_gets_the_same_answer(client: TestClient, predictor: Predictor) -> None:
    for record in predictor.examples[:3]:
        answers = in_all_shapes(client, record)
        one = answers["/"].json()
        assert {answer.status_code for answer in answers.values()} == {200}
        [listed] = answers["/records/0/"].json()["predictions"]
        columns = answers["/columns/"].json()["columns"]
        tensors = {tensor["name"]: tensor["data"] for tensor in answers["/inputs/"].json()["outputs"]}
        given = one["prediction"]
        expected = given if isinstance(given, str) else pytest.approx(given, rel=1e-5)
        for found in (listed["prediction"], columns["prediction"][0], tensors["prediction"][0]):
            assert found == expected


def test_every_shape_of_a_request_is_refused_alike(client: TestClient, predictor: Predictor) -> None:
    name = next(iter(predictor.contract.features))
    wrong: dict[str, Any] = {name: {"an": "object"}, "no such field": 1}
    for field, value in wrong.items():
        answers = in_all_shapes(client, {**predictor.examples[0], field: value})
        said = set()
        for place, answer in answers.items():
            [error] = answer.json()["errors"]
            assert answer.status_code == 422 and error["pointer"].startswith(place), answer.text
            said.add((error["kind"], error["detail"]))
        assert len(said) == 1, said


def test_a_feature_that_the_model_does_without_may_hold_anything(contract: Contract, predictor: Predictor) -> None:
    needed = {rule.column for rule in contract.eligibility}
    for name in contract.features.keys() - needed:
        without = contract.without([name])
        schema, reader = record_schema(without), Reader(without)
        assert name not in schema["required"]
        assert "not used by the model" in schema["properties"][name]["description"]
        others = {field: value for field, value in predictor.examples[0].items() if field != name}
        for given in ({}, {name: None}, {name: {"an": "object"}}, {name: 1e300}, {name: "no such level"}):
            listed = {field: [value] for field, value in (others | given).items()}
            assert reader.one(others | given)[1] == reader.many(listed, 1)[1] == []
    for name in contract.features.keys() & needed:
        assert contract.without([name]) == contract


def test_a_field_with_outer_blanks_is_refused_with_its_right_name(client: TestClient, predictor: Predictor) -> None:
    name = next(iter(predictor.contract.features))
    record = {f" {field}" if field == name else field: value for field, value in predictor.examples[0].items()}
    for answer in in_all_shapes(client, record).values():
        assert answer.status_code == 422 and f"write {name!r}" in answer.json()["errors"][-1]["detail"], answer.text


def test_a_file_s_header_may_have_outer_blanks(predictor: Predictor, tmp_path: Path) -> None:
    """As the data may that the contract was made for."""
    for name, pad in (("plain", ""), ("padded", " ")):
        lines = [{f"{pad}{name}{pad}": value for name, value in record.items()} for record in predictor.examples]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
        assert score(tmp_path / f"{name}.jsonl", tmp_path / f"{name}.csv", predictor)[:2] == (len(lines), 0)
    assert (tmp_path / "padded.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    assert (tmp_path / "plain.csv").stat().st_mode & 0o777 == 0o600


def test_a_spreadsheet_runs_nothing_of_a_scored_file() -> None:
    formulas = ["=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-a", "\t=1", "\n=1", "\u00a0=1", "\uff1d1", "-\n=1"]
    harmless = ["-5", "+49 170", "1-1", "-", "", None, "a=b"]
    table = without_formulas(pa.table({"id": [*formulas, *harmless], "score": [0.5] * 16}))
    assert table["id"].to_pylist() == [*(f"'{text}" for text in formulas), *harmless]


def test_what_the_contract_accepts_is_warned_of(contract: Contract, predictor: Predictor) -> None:
    """Each rule, set to accept: the same findings, but nothing is refused."""
    content = contract.model_dump(mode="json")
    for column in content["columns"].values():
        column |= {"missing": "accept", "invalid": "accept", "outside": "accept"}
    content["requests"] = {"unknown_fields": "accept"}
    content["eligibility"] = [rule | {"outside": "accept"} for rule in content["eligibility"]]
    strict, tolerant = Reader(contract), Reader(Contract.model_validate(content))
    for name, column in contract.features.items():
        values: list[Any] = [{"an": "object"}, None, 1e300, "no such level", []]
        for raw in values:
            record = {**predictor.examples[0], name: raw, "no such field": 1}
            refusals = [finding for finding in refused(strict.one(record)[1]) if finding.kind != "out_of_scope"]
            _, findings = tolerant.one(record)
            assert not refused(findings)
            warned = {(found.field, found.kind) for found in findings}
            assert {(found.field, found.kind) for found in refusals} <= warned
            assert any(found.kind == "unknown_field" for found in findings)
        if not column.nullable:
            absent = {field: value for field, value in predictor.examples[0].items() if field != name}
            assert [found.kind for found in tolerant.one(absent)[1]][:1] == ["missing"]
        if column.type in NUMERIC:
            assert predictor.predict([tolerant.one({**predictor.examples[0], name: None})[0]])


def test_typed_records_survive_the_way_to_json_and_back(contract: Contract, records: list[dict[str, Any]]) -> None:
    reader = Reader(contract)
    for record in records[:50]:
        again, findings = reader.one(to_raw(contract, {name: record[name] for name in contract.inputs}))
        assert not findings and again == {name: record[name] for name in contract.inputs}


def test_of_many_unknown_fields_some_are_named_and_the_rest_counted(predictor: Predictor) -> None:
    record = predictor.examples[0] | dict.fromkeys(map("unknown {}".format, range(5_000)))
    found = predictor.reader.one(record)[1]
    assert len(found) == MOST_UNKNOWN and {one.kind for one in found} == {"unknown_field"}
    assert f"{5_000 - MOST_UNKNOWN:,} others" in found[-1].detail
