"""Every legal variant, end to end through its own verbs: a change that breaks one turns its cell of the grid red.

`make test ARGS="-k 'matrix and text-torch-cpu-regression'"` runs one variant alone.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import own_data
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import PAIRS, VARIANTS, Render, machinery, make, new_project, run, seconds_of, variant_name
from grid import Row
from service import Service, get, post

SERVED = 40
WINDOW = {"tabular": "2000", "text": "1000", "image": "500"}  # records in a window for drift
PARITY = 1e-5
MARGIN = 0.1  # least gain over the dummy: of its error, or of what separates it from a perfect score
# Raw records of a source as a client would send them.
AS_JSON = """
import json, sys
from pathlib import Path
from itertools import islice
from {package}.engineroom import contract as contracts
from {package}.engineroom.reading import Reader, read_chunks, refused, sniff_for, to_raw
contract = contracts.load()
reader = Reader(contract)
chunk = next(read_chunks(sniff_for(Path(sys.argv[1]), contract), {rows}))
for raw in chunk.to_dict("records"):
    raw = {{name: value for name, value in raw.items() if name in contract.inputs}}
    record, findings = reader.one(raw)
    if not refused(findings):
        print(json.dumps(to_raw(contract, record), ensure_ascii=False))
"""
QUICK = bool(os.environ.get("QUICK"))  # `make test QUICK=1` leaves out what takes longest
MARKED = [pytest.param(variant, marks=[pytest.mark.pairs] if variant in PAIRS else []) for variant in VARIANTS]


@pytest.mark.slow
@pytest.mark.parametrize("variant", MARKED, ids=variant_name)
def test_a_variant_runs(variant: dict[str, str], render: Render, trained: Render, grid: Path, tmp_path: Path) -> None:
    row = Row(grid, variant)
    with row.stage("render"):
        rendered = render(**variant)
    with row.stage("lint"):
        make(new_project(rendered, tmp_path / "linted"), "lint")
    if not QUICK:
        with row.stage("tests"):
            make(tmp_path / "linted", "sample", "test")
            machinery(tmp_path / "linted")
    with row.stage("pipeline"):
        project = trained(**variant)
        row.metric(better_than_the_dummy(project))
    row.seconds("pipeline", seconds_of(project).read_text())
    if not QUICK and variant["accelerator"] == "cpu":  # the accelerator is none of the data's business
        with row.stage("own data"):
            pipeline_on_own_data(rendered, variant, tmp_path)
    with row.stage("parity"):
        assert json.loads((project / "artifacts/training.json").read_text())["parity"] <= PARITY
    window = {shift: draw(project, tmp_path / f"window{shift}", shift, WINDOW[variant["modality"]]) for shift in (0, 1)}
    with row.stage("predict"):
        answers = predict(project, window[0], tmp_path)
    with row.stage("score"):
        scores_agree(project, window[0], answers, tmp_path)
    with row.stage("drift"):
        drift_is_told(project, window, tmp_path)


def better_than_the_dummy(project: Path) -> str:
    """The primary metric and the dummy's, which it must beat clearly."""
    found = json.loads((project / "artifacts/evaluation.json").read_text())
    name, dummy = found["metric"], found["baseline"][found["metric"]]
    value = found["metrics"][name]["value"]
    room = dummy if name in ("rmse", "mae", "log_loss", "brier") else 1 - dummy
    assert abs(value - dummy) / room > MARGIN and found["gain_over_baseline"]["low"] > 0, (name, value, dummy)
    return f"{name} {value:.3f} ({dummy:.3f})"


def pipeline_on_own_data(rendered: Path, variant: Mapping[str, str], folder: Path) -> None:
    """Data that the sample generator did not make: `make contract`, `make pipeline`, no edit in between."""
    data, target = own_data.write(variant["modality"], variant["task"], folder / "mine")
    project = new_project(rendered, folder / "own")
    make(project, "contract", f"DATA={data}", f"TARGET={target}")
    make(project, "pipeline")
    better_than_the_dummy(project)


def draw(project: Path, out: Path, shift: int, rows: str) -> Path:
    """A window of new records as the sample's generator draws them: what `make score` and `make drift` take."""
    source = Path(yaml.safe_load((project / "contract.yaml").read_text())["source"]["path"])
    written = out / source.relative_to("data/raw")
    asked = out / source.relative_to("data/raw").parts[0]
    out.mkdir()
    command = ["-m", "sample", "--rows", rows, "--seed", "7", "--shift", str(shift), "--out", asked]
    run(project, "python", *map(str, command))
    return written


def predict(project: Path, window: Path, folder: Path) -> list[dict[str, Any]]:
    """What the service answers to single records, in the order of the window."""
    program = AS_JSON.format(package="customer_model", rows=SERVED)
    records = [json.loads(line) for line in run(project, "python", "-c", program, str(window)).stdout.splitlines()]
    assert len(records) > SERVED / 2
    with Service(project, folder / "log.db") as service:
        assert get(service.url + "/health")["status"] == "ok"
        answered = [post(service.url, record) for record in records]
    assert all(status in (200, 422) for status, _ in answered), answered
    answers = [answer for status, answer in answered if status == 200]
    assert len(answers) > SERVED / 2
    return answers


def scores_agree(project: Path, window: Path, answers: list[dict[str, Any]], folder: Path) -> None:
    make(project, "score", f"DATA={window}", f"OUT={folder / 'scores.parquet'}")
    scored = [line for line in pq.read_table(folder / "scores.parquet").to_pylist() if line["error"] is None]
    value = "probability" if "probability" in scored[0] else "prediction"
    served = np.array([answer[value] for answer in answers])
    spread = 1.0 if value == "probability" else served.std()
    batch = np.array([line[value] for line in scored[: len(served)]])
    assert np.abs(batch - served).max() / spread <= PARITY


def drift_is_told(project: Path, window: Mapping[int, Path], folder: Path) -> None:
    """Quiet on records like those of training, status 3 on a population that moved."""
    for shift, status in ((0, 0), (1, 3)):
        command = ["-m", "customer_model", "drift", "--data", str(window[shift]), "--out", str(folder)]
        done = run(project, "python", *command, ok=False)
        assert done.returncode == status, f"shift {shift}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
