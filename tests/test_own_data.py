"""Somebody's own table, from a file to a served model, with `make contract` and no edit."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import Render, machinery, make
from service import Service, get, post
from sklearn import datasets

pytestmark = pytest.mark.slow


def breast_cancer() -> pd.DataFrame:
    data = datasets.load_breast_cancer(as_frame=True)
    return data.frame.assign(target=data.target_names[data.target])


def wine() -> pd.DataFrame:
    return datasets.load_wine(as_frame=True).frame


def diabetes() -> pd.DataFrame:
    return datasets.load_diabetes(as_frame=True, scaled=False).frame


def digits() -> pd.DataFrame:
    return datasets.load_digits(as_frame=True).frame


def messy() -> pd.DataFrame:
    """The breast cancer table as somebody might export it: odd names, commas, blanks, yes and no, ids, dates."""
    frame = breast_cancer().rename(columns={"mean radius": "class", "mean texture": "Größe, ø (мм)"})
    frame.insert(0, "default payment next month", ["YES" if row % 3 else "no" for row in range(len(frame))])
    frame.insert(0, "patient no", [f"{row:06d}" for row in range(len(frame))])
    visits = pd.Timestamp("2024-01-01") + pd.to_timedelta([7 * row for row in range(len(frame))], unit="h")
    frame["first visit"], frame["last visit"] = visits.strftime("%d.%m.%Y"), visits.map(pd.Timestamp.isoformat)
    text = frame.astype(object).map(lambda value: str(value).replace(".", ",") if isinstance(value, float) else value)
    text.loc[::20, "mean area"] = " "
    return pd.concat([text, text.head(7)])


TABLES: list[tuple[str, str, Callable[[], pd.DataFrame], str, dict, float]] = [
    ("classification", "cancer.csv", breast_cancer, "target", {}, 0.95),
    ("classification", "wine.parquet", wine, "target", {}, 0.95),
    ("classification", "digits.jsonl", digits, "target", {}, 0.95),
    ("classification", "messy.csv", messy, "target", {"sep": ";", "encoding": "utf-8-sig"}, 0.95),
    ("regression", "diabetes.csv", diabetes, "target", {"sep": "\t"}, 65.0),
]


@pytest.mark.parametrize(
    ("task", "name", "load", "target", "options", "expected"), TABLES, ids=[row[1] for row in TABLES]
)
def test_own_data_needs_one_command_and_no_edit(
    project: Render,
    tmp_path: Path,
    task: str,
    name: str,
    load: Callable[[], pd.DataFrame],
    target: str,
    options: dict,
    expected: float,
) -> None:
    folder, data = project(task=task), tmp_path / name
    save(load(), data, options)
    make(folder, "contract", f"DATA={data}", f"TARGET={target}")
    make(folder, "pipeline")
    evaluation = json.loads((folder / "artifacts/evaluation.json").read_text())
    value = evaluation["metrics"][evaluation["metric"]]["value"]
    assert value > expected if task == "classification" else value < expected
    serve_and_score_agree(folder, data, tmp_path)
    if load is messy:
        assert "ratio" in make(folder, "bench", "FOR=0.2").stdout


def test_a_table_in_a_database_works_like_a_file(project: Render, tmp_path: Path) -> None:
    folder = project(task="regression")
    with sqlite3.connect(tmp_path / "clinic.db") as connection:
        diabetes().to_sql("patients", connection, index=False)
    url = f"sqlite:///{tmp_path / 'clinic.db'}"
    make(folder, "contract", f"DATA={url}", "TARGET=target", "QUERY=patients")
    make(folder, "pipeline")
    assert json.loads((folder / "artifacts/ingest.json").read_text())["read"] == len(diabetes())
    with sqlite3.connect(tmp_path / "clinic.db") as connection:
        diabetes().head(100).assign(age=40.5).to_sql("patients", connection, index=False, if_exists="append")
    assert "challenger" in make(folder, "retrain").stdout
    assert json.loads((folder / "artifacts/ingest.json").read_text())["read"] == len(diabetes()) + 100


def test_the_project_s_own_tests_fit_the_new_data(project: Render, tmp_path: Path) -> None:
    folder = project(task="classification")
    save(messy(), tmp_path / "messy.csv", {"sep": ";"})
    make(folder, "contract", f"DATA={tmp_path / 'messy.csv'}", "TARGET=target")
    make(folder, "test")
    machinery(folder)


def save(frame: pd.DataFrame, path: Path, options: dict) -> None:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, **options)


def serve_and_score_agree(folder: Path, data: Path, tmp_path: Path) -> None:
    """The whole file scores without a refusal, and its golden records score as the service answers them."""
    make(folder, "score", f"DATA={data}", f"OUT={tmp_path / 'scores.parquet'}")
    assert pd.read_parquet(tmp_path / "scores.parquet")["error"].isna().all()
    golden = [entry["record"] for entry in json.loads((folder / "artifacts/bundle/bundle.json").read_text())["golden"]]
    (tmp_path / "golden.jsonl").write_text("".join(json.dumps(record) + "\n" for record in golden))
    make(folder, "score", f"DATA={tmp_path / 'golden.jsonl'}", f"OUT={tmp_path / 'golden.parquet'}")
    scores = pd.read_parquet(tmp_path / "golden.parquet")
    with Service(folder, tmp_path / "log.db") as service:
        for number, record in enumerate(golden):
            status, answer = post(service.url, record)
            assert status == 200, answer
            name = "probability" if "probability" in answer else "prediction"
            assert answer[name] == pytest.approx(scores[name][number], rel=1e-6, abs=1e-6)
        assert get(service.url + "/metadata")["input_schema"]["properties"]
