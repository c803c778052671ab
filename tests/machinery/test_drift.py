"""Drift is quiet on records like those of training, and reports a planted change by its column."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.contract import NUMERIC, Column, UserError
from customer_model.engineroom.monitoring import drifting as drift
from customer_model.engineroom.settings.params import load_params

BLACK = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"  # one pixel

ERROR = 1  # as a status


def window(records: list[dict[str, Any]], bundle: Bundle) -> dict[str, list[Any]]:
    return bundle.describe({name: [record[name] for record in records] for name in bundle.contract.features})


def first(bundle: Bundle) -> tuple[str, Column]:
    """A feature that is compared."""
    return next((name, column) for name, column in bundle.contract.features.items() if "time" not in column.role)


def test_like_records_are_no_drift(bundle: Bundle, records: list[dict[str, Any]], in_project: Path) -> None:
    result = drift.compare(window(records, bundle), bundle, load_params().drift, Path("quiet"))
    assert not result["drifted"], str(result["distances"])
    assert set(result["not_compared"]) >= set(bundle.contract.features) & {*bundle.contract.with_role("time")}
    assert (in_project / "quiet/drift.html").stat().st_size > 10_000


def test_a_planted_change_is_named(bundle: Bundle, records: list[dict[str, Any]], in_project: Path) -> None:
    name, column = first(bundle)
    moved = 1e6 if column.type in NUMERIC else None
    changed = [{**record, name: moved} for record in records]
    if moved is None:
        changed = [{**record, name: value} for record, value in zip(records, unlike(column.type), strict=False)]
    result = drift.compare(window(changed, bundle), bundle, load_params().drift, Path("moved"))
    assert result["drift"] and any(found.startswith(name) for found in result["drifted"])


def test_a_column_without_any_value_left_has_drifted(
    bundle: Bundle, records: list[dict[str, Any]], in_project: Path
) -> None:
    looked_at = window(records, bundle)
    name = next(name for name in looked_at if name.startswith(first(bundle)[0]))
    emptied = looked_at | {name: [None] * len(records)}
    result = drift.compare(emptied, bundle, load_params().drift, Path("gone"))
    assert result["drift"] and name in result["drifted"] and result["gone"] == [name]
    not_compared = result["not_compared"]
    del emptied[name]  # a log of another model, which did not look at it
    other = drift.compare(emptied, bundle, load_params().drift, Path("other"))
    assert sorted(other["not_compared"]) == sorted([*not_compared, name])


def test_values_that_go_missing_are_drift_though_the_others_are_like_before(
    bundle: Bundle, records: list[dict[str, Any]], in_project: Path
) -> None:
    looked_at = window(records, bundle)
    gaps = {name: values.count(None) for name, values in looked_at.items()}
    lasting = [name for name in looked_at if name != bundle.contract.only("time")]
    name = min(lasting, key=lambda name: gaps[name])
    thinned = looked_at | {name: [None if row % 4 == 0 else value for row, value in enumerate(looked_at[name])]}
    result = drift.compare(thinned, bundle, load_params().drift, Path("thinned"))
    assert result["gaps"] == [name] and result["drifted"] == [name] and result["drift"]
    assert f"{name} (" in drift.verdict(result) and "missing 2" in drift.verdict(result)


def test_records_of_other_columns_are_an_error_of_their_own(bundle: Bundle, in_project: Path) -> None:
    (in_project / "foreign.jsonl").write_text('{"unknown": 1}\n' * 300)
    command = [sys.executable, "-m", "customer_model", "drift", "--data", "foreign.jsonl"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == ERROR
    assert "\ndrift: foreign.jsonl has none of the contract's features, such as" in f"\n{done.stderr}"
    with pytest.raises(UserError, match="nothing to compare"):
        drift.compare({"unknown": [1] * 300}, bundle, load_params().drift, Path("foreign"))


def unlike(kind: str) -> list[Any]:
    from datetime import datetime, timedelta

    if kind == "datetime":
        return [datetime(1990, 1, 1) + timedelta(days=day) for day in range(1000)]
    if kind in ("boolean", "image"):
        return [True if kind == "boolean" else BLACK] * 1000
    return [f"never seen {number % 3}" for number in range(1000)]


def test_too_few_records_have_a_status_of_their_own(bundle: Bundle, in_project: Path) -> None:
    (in_project / "few.jsonl").write_text(json.dumps({first(bundle)[0]: None}))
    command = [sys.executable, "-m", "customer_model", "drift", "--data", "few.jsonl"]
    assert subprocess.run(command, check=False).returncode == drift.TOO_LITTLE


@pytest.mark.parametrize("argument", ["--data", "--log"])
def test_a_missing_file_is_an_error_of_its_own(bundle: Bundle, in_project: Path, argument: str) -> None:
    command = [sys.executable, "-m", "customer_model", "drift", argument, "nowhere.csv"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == ERROR
    assert "nowhere" in done.stderr or "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
