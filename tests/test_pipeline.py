"""The emitted project at work on its sample data: from pipeline to registry, and what must stop it."""

import csv
import hashlib
import json
import random
import re
import shutil
import sqlite3
from datetime import date
from operator import itemgetter
from pathlib import Path

import pytest
from conftest import TASKS, Render, environment, git, machinery, make, run
from ruamel.yaml import YAML
from service import Service, get, post

pytestmark = pytest.mark.slow
TARGETS = {"classification": "churned", "regression": "lifetime_value"}


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def result(project: Path, name: str) -> dict:
    return json.loads((project / "artifacts" / name).read_text())


def rewrite(path: Path, change) -> None:
    """Change a YAML file through a function of its content; what is not changed stays as it was written."""
    editor = YAML()
    content = editor.load(path.read_text())
    change(content)
    with path.open("w") as file:
        editor.dump(content, file)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_the_model_beats_its_baseline_clearly(trained: Render, task: str) -> None:
    project = trained(task=task)
    evaluation, gate = result(project, "evaluation.json"), result(project, "gate.json")
    assert gate["passed"]
    metric = evaluation["metric"]
    value, baseline = evaluation["metrics"][metric]["value"], evaluation["baseline"][metric]
    assert (value > baseline + 0.2) if metric in ("roc_auc", "r2") else (value < 0.8 * baseline)
    assert evaluation["gain_over_baseline"]["low"] > 0
    assert result(project, "training.json")["parity"] <= 1e-5


def test_a_second_run_does_nothing(trained: Render, task: str) -> None:
    project = trained(task=task)
    before = result(project, "run.json")
    done = make(project, "pipeline")
    assert "up to date" in done.stdout
    assert "Running stage" not in done.stdout
    assert result(project, "run.json") == before


def test_the_stages_run_without_dvc(trained: Render, project: Render) -> None:
    """One process, no DVC: the same model, bit for bit."""
    folder = project()
    make(folder, "sample")
    run(folder, "python", "-m", "customer_model", "pipeline")
    assert (
        result(folder, "run.json")["model_version"]
        == result(trained(task="classification"), "run.json")["model_version"]
    )


def test_lint_and_the_project_s_own_tests_pass(trained: Render, task: str) -> None:
    project = trained(task=task)
    make(project, "lint")
    assert re.search(r"\d+ passed", make(project, "test").stdout)
    assert re.search(r"\d+ passed", machinery(project).stdout)


def test_what_is_served_is_what_is_scored(trained: Render, task: str, tmp_path: Path) -> None:
    project = trained(task=task)
    data = project / "data/raw/customers.csv"
    make(project, "score", f"DATA={data}", f"OUT={tmp_path / 'scores.csv'}")
    scores, records = rows_of(tmp_path / "scores.csv"), rows_of(data)
    assert len(scores) == len(records)
    value = "probability" if task == "classification" else "prediction"
    with Service(project, tmp_path / "log.db") as service:
        for scored, record in list(zip(scores, records, strict=True))[:200]:
            record.pop(TARGETS[task])
            status, answer = post(service.url, record)
            if scored["error"]:
                assert status == 422
            else:
                assert status == 200
                assert answer["customer_id"] == scored["customer_id"]
                assert answer[value] == pytest.approx(float(scored[value]), rel=1e-6, abs=1e-6)


def test_a_feature_that_is_left_out_for_its_gaps_is_not_asked_for(trained: Render, tmp_path: Path) -> None:
    project = trained(task="classification")
    assert "campaign" in result(project, "training.json")["dropped"]
    with Service(project, tmp_path / "log.db") as service:
        schema = get(service.url + "/metadata")["input_schema"]
        [example] = schema["examples"]
        assert "campaign" not in {*schema["required"], *example}
        assert schema["properties"]["campaign"]["description"].endswith("(not used by the model)")
        for given in ({}, {"campaign": None}, {"campaign": "spring"}, {"campaign": 7}):
            status, answer = post(service.url, example | given)
            assert status == 200 and "warnings" not in answer, answer
        asked = get(service.url + "/openapi.json")["paths"]["/predict"]["post"]["requestBody"]["content"]
        shown = asked["application/json"]["examples"].values()
        assert not any("campaign" in entry["value"] for entry in shown)


def test_predict_asks_the_running_service(trained: Render, tmp_path: Path) -> None:
    project = trained(task="classification")
    refused = make(project, "predict", ok=False, SERVICE_PORT="9")
    assert "start it with `make serve`" in refused.stderr
    with Service(project, tmp_path / "log.db") as service:
        answer = make(project, "predict", SERVICE_PORT=str(service.port)).stdout
    assert '"prediction"' in answer and '"probabilities"' in answer


def test_scoring_keeps_a_refused_record_with_its_reason(trained: Render, tmp_path: Path) -> None:
    project = trained(task="classification")
    rows = rows_of(project / "data/raw/customers.csv")[:20]
    rows[3]["monthly_charges"] = "a lot"
    write_rows(tmp_path / "odd.csv", rows)
    make(project, "score", f"DATA={tmp_path / 'odd.csv'}", f"OUT={tmp_path / 'out.csv'}")
    scores = rows_of(tmp_path / "out.csv")
    assert "monthly_charges" in scores[3]["error"] and scores[3]["prediction"] == ""


def test_scoring_takes_constant_memory(trained: Render, tmp_path: Path) -> None:
    """Ten times the rows may not cost more than a fraction more memory."""
    project = trained(task="classification")
    text = (project / "data/raw/customers.csv").read_text()
    header, _, body = text.partition("\n")
    peaks = []
    for times in (2, 20):
        (tmp_path / "big.csv").write_text(f"{header}\n{body * times}")
        program = (
            "import resource, sys; from pathlib import Path; from customer_model.engineroom.scoring import score_file;"
            "score_file(Path(sys.argv[1]), Path(sys.argv[2]));"
            "print('PEAK', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        arguments = [str(tmp_path / "big.csv"), str(tmp_path / "out.csv")]
        done = run(project, "python", "-c", program, *arguments)
        peaks.append(int(done.stdout.rpartition("PEAK")[2]))
    assert peaks[1] < 1.3 * peaks[0], peaks


def test_scoring_says_why_records_are_refused_and_fails_where_all_are(trained: Render, tmp_path: Path) -> None:
    project = trained(task="classification")
    rows = [row for row in rows_of(project / "data/raw/customers.csv") if row["account_status"] == "active"][:30]
    for row in rows[:4]:
        row["region"] = "atlantis"
    rows[5]["tenure_months"] = "long"
    write_rows(tmp_path / "some.csv", rows)
    write_rows(tmp_path / "none.csv", [{"name": "x"}] * 30)
    arguments = ["python", "-m", "customer_model", "score", "--out", str(tmp_path / "out.csv"), "--data"]
    some = run(project, *arguments, str(tmp_path / "some.csv"))
    assert "25 records scored, 5 refused" in some.stdout
    assert "most often refused: region (outside) in 4, tenure_months (invalid) in 1\n" in some.stdout
    none = run(project, *arguments, str(tmp_path / "none.csv"), ok=False)
    assert "30 refused" in none.stdout and "region (missing) in 30" in none.stdout, none.stdout
    assert none.returncode == 1 and "nothing could be scored" in none.stderr and "Traceback" not in none.stderr


def test_drift_is_quiet_on_like_records_and_names_what_moved(trained: Render, task: str, tmp_path: Path) -> None:
    project = trained(task=task)
    for shift, status in ((0, 0), (1, 3)):
        window = tmp_path / f"window{shift}.csv"
        sample = [
            "-m",
            "sample",
            "--rows",
            "2000",
            "--seed",
            "7",
            "--shift",
            str(shift),
            "--out",
            str(window),
        ]
        run(project, "python", *sample)
        arguments = ["-m", "customer_model", "drift", "--data", str(window), "--out", str(tmp_path)]
        done = run(project, "python", *arguments, ok=False)
        found = json.loads((tmp_path / "drift.json").read_text())
        assert done.returncode == status, done.stdout + done.stderr
        assert found["drift"] == bool(shift)
        assert ("monthly_charges" in found["drifted"]) == bool(shift)


def test_drift_reads_what_the_service_logged(trained: Render, tmp_path: Path) -> None:
    project = trained(task="classification")
    rows = [row for row in rows_of(project / "data/raw/customers.csv") if row["account_status"] == "active"][:300]
    with Service(project, tmp_path / "log.db") as service:
        for row in rows:
            row.pop("churned")
            post(service.url, row)
    with sqlite3.connect(tmp_path / "log.db") as connection:
        records = [json.loads(text) for (text,) in connection.execute("SELECT record FROM predictions")]
        answers = [json.loads(text) for (text,) in connection.execute("SELECT answer FROM predictions")]
    assert len(records) > 250
    assert not any({"email", "customer_id"} & found.keys() for found in records + answers)
    done = make(project, "drift", SERVICE_PREDICTION_LOG=str(tmp_path / "log.db"))
    assert f"no drift in {len(records)} records" in done.stdout
    few = make(project, "drift", ok=False, SERVICE_PREDICTION_LOG=str(tmp_path / "none.db"))
    assert few.returncode != 0 and "cannot be read" in few.stderr


def test_a_clone_gets_all_that_was_pushed(trained_copy: Render, tmp_path: Path) -> None:
    project, clone = trained_copy(task="classification"), tmp_path / "clone"
    (project / "data/raw.dvc").unlink()
    assert "data/raw is in DVC from now on" in make(project, "pipeline").stdout
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Model")
    run(project, "dvc", "push")
    git(tmp_path, "clone", "--quiet", str(project), str(clone))
    (clone / "data/raw").mkdir()  # an empty folder is no data: DVC would take it for a change
    assert "dvc pull" in make(clone, "pipeline", ok=False).stdout
    run(clone, "dvc", "pull")
    assert (clone / "data/raw/customers.csv").read_bytes() == (project / "data/raw/customers.csv").read_bytes()
    done = make(clone, "pipeline")
    assert "Running stage" not in done.stdout and git(clone, "status", "--porcelain") == ""
    assert "version 1" in make(clone, "promote").stdout
    assert digests(clone / "artifacts/champion") == digests(project / "artifacts/bundle")
    run(project, "dvc", "gc", "--workspace", "--force")
    shutil.rmtree(project / "data/raw")
    run(project, "dvc", "checkout", "data/raw.dvc")
    assert (project / "data/raw/customers.csv").exists()


def test_a_run_says_where_it_came_from(trained: Render) -> None:
    project = trained(task="classification")
    program = (
        "import json, mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db');"
        "run = mlflow.get_run(json.load(open('artifacts/run.json'))['run_id']);"
        "files = [file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id, 'bundle')];"
        "print(json.dumps([run.data.tags, run.data.params, run.data.metrics, files]))"
    )
    done = run(project, "python", "-c", program)
    tags, params, metrics, files = json.loads(done.stdout.splitlines()[-1])
    assert tags["git_sha"] == git(project, "rev-parse", "HEAD").strip()
    assert {"contract_digest", "data_sha256", "gate"} <= tags.keys()
    assert params["candidate"] in ("linear", "forest", "boosting") and "seed" in params
    assert any(name.startswith("model.") for name in params)
    assert "test.roc_auc.low" in metrics
    assert "bundle/model.onnx" in files


def test_a_run_on_edited_code_says_so(trained_copy: Render) -> None:
    project = trained_copy(task="classification")
    file = project / "src/customer_model/pipeline/train.py"
    file.write_text(file.read_text() + "\n# edited\n")
    run(project, "python", "-m", "customer_model.pipeline.train")
    assert result(project, "candidate/bundle.json")["lineage"]["git_sha"].endswith("-dirty")


def test_a_failed_candidate_is_reported_and_takes_nobody_s_place(trained_copy: Render, tmp_path: Path) -> None:
    project = trained_copy(task="classification")
    before = digests(project / "artifacts/bundle")
    rewrite(project / "contract.yaml", lambda contract: contract["acceptance"].update(minimum=0.999))
    shutil.rmtree(project / "artifacts/report")
    done = make(project, "pipeline", ok=False)
    assert done.returncode != 0
    failed, good = (result(project, f"{name}/bundle.json")["model_version"] for name in ("candidate", "bundle"))
    assert re.search(
        rf"Model {failed} in artifacts/candidate did not pass the gate: ROC AUC is 0\.\d+, .* 0\.999", done.stderr
    )
    assert f"artifacts/bundle stays as it is: model {good}" in done.stderr
    assert "0.999" in (project / "artifacts/report/report.html").read_text()
    assert digests(project / "artifacts/bundle") == before and failed != good
    refused = make(project, "promote", ok=False)
    assert refused.returncode != 0 and "did not pass the gate" in refused.stderr
    settings = {
        "SERVICE_BUNDLE": "artifacts/candidate",
        "SERVICE_PORT": "0",
        "SERVICE_PREDICTION_LOG": str(tmp_path / "log.db"),
    }
    refused = make(project, "serve", ok=False, **settings)
    assert refused.returncode != 0 and "SERVICE_ALLOW_FAILED_GATE=1" in refused.stderr
    with Service(
        project, tmp_path / "log.db", SERVICE_BUNDLE="artifacts/candidate", SERVICE_ALLOW_FAILED_GATE="1"
    ) as service:
        assert "served because SERVICE_ALLOW_FAILED_GATE is set" in service.output()


def test_the_bundle_is_restored_without_a_stage(trained_copy: Render) -> None:
    """As after `dvc pull`, which knows the candidate only."""
    project = trained_copy(task="classification")
    bundle = project / "artifacts/bundle"
    before = digests(bundle)
    damages = [
        lambda: shutil.rmtree(bundle),
        lambda: (bundle / "verdict.json").unlink(),
        lambda: (bundle / "model.onnx").write_bytes(b""),
    ]
    for damage in damages:
        damage()
        assert "Running stage" not in make(project, "pipeline").stdout
        assert digests(bundle) == before
    stale = project / "artifacts/gate.json"
    stale.write_text(stale.read_text().replace(result(project, "gate.json")["model_version"], "of another"))
    done = run(project, "python", "-m", "customer_model.engineroom.registry.acceptance", ok=False)
    assert done.returncode == 1 and "is about model of another" in done.stderr


def test_an_image_is_of_the_champion_and_of_nothing_that_failed(trained_copy: Render, tmp_path: Path) -> None:
    """What `make image` asks before it builds, and the Dockerfile while it does."""
    project, builder = trained_copy(task="classification"), tmp_path / "bin/docker"
    builder.parent.mkdir()
    builder.write_text("#!/bin/sh\n")
    builder.chmod(0o755)
    path = f"{builder.parent}:{environment(project)['PATH']}"
    chosen = ("python", "-m", "customer_model.engineroom.bundle.verdict", str(tmp_path / "shipped"))
    artifacts = project / "artifacts"

    def shipped() -> dict[str, str]:
        shutil.rmtree(tmp_path / "shipped", ignore_errors=True)
        run(project, *chosen)
        return digests(tmp_path / "shipped")

    assert shipped() == digests(artifacts / "bundle")
    shutil.copytree(artifacts / "candidate", artifacts / "champion")
    refused = make(project, "image", ok=False, PATH=path)
    assert refused.returncode != 0 and "artifacts/champion has no verdict.json" in refused.stderr
    assert run(project, *chosen, ok=False).returncode == 1
    allowed = make(project, "image", "SERVICE_ALLOW_FAILED_GATE=1", PATH=path).stdout
    assert "artifacts/champion has no verdict.json" in allowed and "SERVICE_ALLOW_FAILED_GATE is set" in allowed
    shutil.copy(artifacts / "bundle/verdict.json", artifacts / "champion")
    (artifacts / "bundle/verdict.json").unlink()
    assert "ships artifacts/champion" in make(project, "image", PATH=path).stdout
    assert shipped() == digests(artifacts / "champion")


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_a_verdict_of_too_slow_is_measured_again(trained_copy: Render) -> None:
    """What DVC has noted is what a machine that was busy at the time would have left: 208 ms."""
    project = trained_copy(task="classification")
    evaluation = result(project, "evaluation.json") | {"latency_ms": {"p50": 190.0, "p95": 208.0}}
    (project / "artifacts/evaluation.json").write_text(json.dumps(evaluation))
    run(project, "dvc", "commit", "--quiet", "--force", "evaluate")
    run(project, "dvc", "repro", "--quiet", "gate")
    [told] = [check for check in result(project, "gate.json")["checks"] if not check["passed"]]
    assert re.search(r"208\.00 ms, the budget is 50 ms; .*measures again.*acceptance\.latency_ms", told["says"])
    done = make(project, "pipeline")
    assert "Running stage 'evaluate'" in done.stdout and result(project, "gate.json")["passed"]
    assert "Running stage" not in make(project, "pipeline").stdout


def test_a_planted_copy_of_the_target_stops_the_pipeline(project: Render, task: str) -> None:
    folder = _with_column(project(task=task), task, "outcome_code", lambda row, number: _code(row[TARGETS[task]]))
    done = make(folder, "pipeline", ok=False)
    assert done.returncode != 0
    assert "column 'outcome_code' is a near-copy of the target" in done.stderr + done.stdout


def test_a_date_that_follows_from_the_target_stops_the_pipeline(project: Render) -> None:
    def cancelled(row: dict[str, str], number: int) -> str:
        return f"2026-0{1 + number % 9}-15" if row["churned"] == "yes" else ""

    folder = _with_column(project(), "classification", "cancelled_on", cancelled, kind="datetime")
    done = make(folder, "pipeline", ok=False)
    assert done.returncode != 0
    assert "column 'cancelled_on' is a near-copy of the target" in done.stderr + done.stdout


def test_a_planted_group_leak_stops_the_pipeline(project: Render) -> None:
    folder = _with_column(
        project(), "classification", "household", lambda row, _: str(int(row["customer_id"]) % 500), kind="id"
    )
    done = make(folder, "pipeline", ok=False)
    assert done.returncode != 0
    assert "column 'household'" in done.stderr + done.stdout
    rewrite(folder / "contract.yaml", lambda contract: contract["columns"]["household"].update(role=["id", "group"]))
    make(folder, "pipeline")
    assert result(folder, "split.json")["method"] == "by group (household)"
    assert result(folder, "evaluation.json")["groups"] == 75
    for document in ("report.html", "model_card.md"):
        assert "whole values of household" in (folder / "artifacts/report" / document).read_text()


def test_a_time_column_parts_old_from_new(project: Render) -> None:
    folder = project(task="regression")
    rewrite(
        folder / "contract.yaml", lambda contract: contract["columns"]["signup_date"].update(role=["feature", "time"])
    )
    make(folder, "sample")
    make(folder, "pipeline", ok=False)
    found = result(folder, "split.json")
    assert found["method"] == "by time (signup_date)"
    periods = found["periods"]
    assert periods["train"][1] < periods["validation"][0] and periods["validation"][1] < periods["test"][0]
    assert result(folder, "evaluation.json")["rows"] == found["rows"]["test"]


def test_later_records_are_no_drift_by_being_later(project: Render) -> None:
    """Drift finds what moved, and nothing else, where the column of role time is a feature, too."""
    folder = project(task="classification")
    make(folder, "sample")
    rows = rows_of(folder / "data/raw/customers.csv")
    for row, day in zip(rows, random.Random(0).sample([row["signup_date"] for row in rows], len(rows)), strict=True):
        row["signup_date"] = day  # nothing else depends on the day
    write_rows(folder / "data/raw/customers.csv", rows)
    rewrite(
        folder / "contract.yaml", lambda contract: contract["columns"]["signup_date"].update(role=["feature", "time"])
    )
    make(folder, "pipeline", ok=False)
    newest = sorted(rows, key=itemgetter("signup_date"))[-1000:]
    write_rows(folder / "newest.csv", newest)
    done = make(folder, "drift", "DATA=newest.csv")
    assert "no drift" in done.stdout and "not compared: signup_date" in done.stdout
    assert result(folder, "drift/drift.json")["not_compared"] == ["signup_date"]
    write_rows(folder / "dearer.csv", [row | {"monthly_charges": "110"} for row in newest])
    make(folder, "drift", "DATA=dearer.csv", ok=False)
    assert result(folder, "drift/drift.json")["drifted"] == ["monthly_charges"]
    page = (folder / "artifacts/drift/drift.html").read_text()
    assert "drifted columns: monthly_charges" in page
    write_rows(folder / "foreign.csv", [{"name": "x", "status": "y"}] * 300)
    done = make(folder, "drift", "DATA=foreign.csv", ok=False)
    assert "drift: foreign.csv has none of the contract's features, such as" in done.stderr


def test_with_a_group_the_later_parts_hold_new_groups_only(project: Render) -> None:
    """Customers of one agent, who works for some weeks: those on both sides of a boundary stay on the earlier one."""

    def agent(row: dict[str, str], number: int) -> str:
        return f"{(date.fromisoformat(row['signup_date']) - date(2000, 1, 1)).days // 40}"

    folder = _with_column(project(task="regression"), "regression", "agent", agent, kind="category")
    rewrite(folder / "contract.yaml", lambda contract: contract["columns"]["agent"].update(role="group"))
    rewrite(
        folder / "contract.yaml", lambda contract: contract["columns"]["signup_date"].update(role=["feature", "time"])
    )
    make(folder, "pipeline", ok=False)
    found = result(folder, "split.json")
    assert found["method"] == "by time (signup_date), later parts with new groups only (agent)"
    assert found["left_out"] > 0
    assert (
        f"{found['left_out']} newer records are left out, as their agent"
        in (folder / "artifacts/report/report.html").read_text()
    )
    assert result(folder, "evaluation.json")["rows"] == found["rows"]["test"]


def test_broken_data_is_listed_whole(project: Render) -> None:
    folder = project()
    make(folder, "sample")
    rows = rows_of(folder / "data/raw/customers.csv")
    for row in rows[:5]:
        row["tenure_months"], row["contract_plan"] = "-3", "lifelong"
    write_rows(folder / "data/raw/customers.csv", rows)
    done = make(folder, "pipeline", ok=False)
    assert done.returncode != 0
    for named in ("'tenure_months'", "'contract_plan'", "lifelong", "min 0"):
        assert named in done.stderr + done.stdout


@pytest.mark.parametrize(
    "file", ["model.onnx", "encoder.json", "contract.yaml", "reference.parquet", "bundle.json", "SHA256SUMS"]
)
@pytest.mark.parametrize("damage", ["delete", "change"])
def test_a_damaged_bundle_stops_the_service_with_a_reason(
    trained: Render, tmp_path: Path, file: str, damage: str
) -> None:
    project = trained(task="classification")
    bundle = Path(shutil.copytree(project / "artifacts/bundle", tmp_path / "bundle"))
    content = bytearray((bundle / file).read_bytes())
    content[-2] ^= 1
    (bundle / file).unlink() if damage == "delete" else (bundle / file).write_bytes(content)
    done = make(
        project,
        "serve",
        ok=False,
        SERVICE_BUNDLE=str(bundle),
        SERVICE_PORT="0",
        SERVICE_PREDICTION_LOG=str(tmp_path / "log.db"),
    )
    assert done.returncode != 0
    assert file in done.stderr and "Traceback" not in done.stderr


def _with_column(folder: Path, task: str, name: str, value, kind: str = "number") -> Path:
    make(folder, "sample")
    data = folder / "data/raw/customers.csv"
    rows = rows_of(data)
    write_rows(data, [{**row, name: value(row, number)} for number, row in enumerate(rows)])
    column = {"type": kind, "nullable": True}
    rewrite(folder / "contract.yaml", lambda contract: contract["columns"].update({name: column}))
    return folder


def _code(target: str) -> str:
    return {"yes": "1", "no": "0"}.get(target) or f"{float(target) * 1.001:.3f}"
