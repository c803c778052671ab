"""What docs/changes.md of a project says, done to the letter: each block of code put where the page says."""

import json
import re
from pathlib import Path

import pytest
from conftest import Render, make, run

ASKED = """
import sys
from fastapi.testclient import TestClient
from customer_model.app import application
from customer_model.engineroom.settings import Environment

log, entry, key = sys.argv[1:]
environment = Environment(prediction_log=f"sqlite:///{log}", authentication="required", api_keys=entry)
with TestClient(application(environment)) as client:
    print(client.get("/segments").status_code)
    print(client.get("/segments", headers={"X-API-Key": key}).json())
"""
LISTED = """
import json, sys
from fastapi.testclient import TestClient
from customer_model.app import application
from customer_model.engineroom.settings import Environment

with TestClient(application(Environment(prediction_log=f"sqlite:///{sys.argv[1]}", authentication="off"))) as client:
    paths, metrics = client.get("/openapi.json").json()["paths"], client.get("/metrics").text
    print(json.dumps({"paths": sorted(paths), "metrics": metrics}))
"""


def block(project: Path, heading: str, language: str = "python") -> str:
    """The code of a section of docs/changes.md."""
    page = (project / "docs/changes.md").read_text()
    [section] = [part for part in page.split("\n## ") if part.startswith(f"{heading}\n")]
    [code] = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return code


def edit(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, (file, old)
        text = text.replace(old, new)
    file.write_text(text)


@pytest.fixture(scope="module")
def changed(trained: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a candidate, a metric that decides and a split of its own, whose pipeline ran."""
    folder = tmp_path_factory.mktemp("changed") / "project"
    run(folder.parent, "cp", "-r", str(trained()), str(folder))
    package = folder / "src/customer_model"
    edit(
        package / "candidates.py",
        ("import HistGradientBoostingClassifier,", "import ExtraTreesClassifier, HistGradientBoostingClassifier,"),
        ("# Name in params.yaml", f"{block(folder, 'A model of your own')}\n\n# Name in params.yaml"),
        ('    "stack": stack,\n', '    "stack": stack,\n    "trees": trees,\n'),
    )
    trees = block(folder, "A model of your own", "yaml").strip()
    edit(folder / "params.yaml", ("  candidates:\n", f"  candidates:\n    {trees}\n"))
    imports = "from collections.abc import Mapping\n\nimport numpy as np\n\nfrom .engineroom"
    edit(package / "metrics.py", ("from .engineroom", imports))
    text = (package / "metrics.py").read_text()
    metric = block(folder, "A metric of your own")
    (package / "metrics.py").write_text(f"{text.partition('METRICS: dict')[0].rstrip()}\n\n\n{metric}")
    asked = block(folder, "A metric of your own", "yaml")
    contract = folder / "contract.yaml"
    contract.write_text(re.sub(r"^acceptance:\n(  .*\n)+", asked, contract.read_text(), flags=re.MULTILINE))
    split = (package / "pipeline/split.py").read_text()
    before, _, after = split.partition("def divide(")
    own = block(folder, "A split of your own")
    (package / "pipeline/split.py").write_text(f"{before}{own}\n\n{after[after.index('if __name__') :]}")
    run(folder, "ruff", "check", "--quiet", "--fix", "src")  # imports that the old function needed
    run(folder, "ruff", "format", "--quiet", "src")
    make(folder, "lint", "pipeline")
    return folder


def facts(project: Path, name: str) -> dict[str, object]:
    return json.loads((project / f"artifacts/{name}.json").read_text())


def test_a_candidate_of_ones_own_competes(changed: Path) -> None:
    found = facts(changed, "tuning")["candidates"]
    assert 2 <= found["trees"]["hyperparameters"]["min_samples_leaf"] <= 20
    assert "trees" in facts(changed, "training")["validation"]


def test_a_metric_of_ones_own_decides(changed: Path) -> None:
    training, evaluation = facts(changed, "training"), facts(changed, "evaluation")
    rivals = {
        name: found["profit"] for name, found in training["validation"].items() if name not in ("dummy", "baseline")
    }
    assert evaluation["metric"] == "profit" and training["chosen"] == max(rivals, key=rivals.get)
    assert {"profit", "roc_auc"} <= evaluation["metrics"].keys()
    [baseline] = [check for check in facts(changed, "gate")["checks"] if check["name"] == "baseline"]
    assert "Profit per customer is better than the baseline's by" in baseline["says"] and "0.5" in baseline["says"]
    report = (changed / "artifacts/report/report.html").read_text()
    assert "what the calls earn, in EUR" in report


def test_the_rows_are_split_as_one_s_own_function_says(changed: Path) -> None:
    import pandas as pd

    assert facts(changed, "split")["method"] == "by tenure"
    test, rest = (pd.read_parquet(changed / f"data/parts/{name}.parquet").tenure_months for name in ("test", "train"))
    assert test.max() <= 2 < rest.min()


def test_a_path_of_ones_own_asks_for_a_key(trained_copy: Render, tmp_path: Path) -> None:
    project = trained_copy()
    path = block(project, "A path of your own")
    app = project / "src/customer_model/app.py"
    edit(app, ("\n\ndef application", f"\n\n{path}\n\ndef application"))
    make(project, "lint")
    said = make(project, "key", "NAME=shop").stdout
    secret, entry = re.search(r"[\w-]{40,}", said)[0], re.search(r"shop:[0-9a-f]{64}", said)[0]
    refused, answered = run(project, "python", "-c", ASKED, str(tmp_path / "log.db"), entry, secret).stdout.splitlines()
    assert refused == "401" and "Loyal" in answered


def test_what_is_taken_out_of_the_list_leaves_nothing_behind(trained_copy: Render, tmp_path: Path) -> None:
    project = trained_copy()
    app = project / "src/customer_model/app.py"
    before = json.loads(run(project, "python", "-c", LISTED, str(tmp_path / "before.db")).stdout)
    assert {"/explain", "/feedback", "/predict/batch"} <= set(before["paths"])
    text = app.read_text()
    app.write_text(re.sub(r"^ROUTES = .*\n", block(project, "Fewer paths"), text, flags=re.MULTILINE))
    edit(
        app,
        ("import batch, create_app, explain, feedback, openinference, predict, reload", "import create_app, predict"),
    )
    make(project, "lint", "test")
    after = json.loads(run(project, "python", "-c", LISTED, str(tmp_path / "after.db")).stdout)
    gone = set(before["paths"]) - set(after["paths"])
    assert "/predict" in after["paths"] and {"/explain", "/feedback", "/predict/batch"} <= gone
    assert not [path for path in gone if path in after["metrics"]]
