"""The finished execution as one MLflow run: parameters, metrics, pictures, bundle, lineage.

DVC does not run it: a run lies in the MLflow of one machine or server, and is no output that another could pull.
"""

import hashlib
import json
from typing import Any

import mlflow

from .. import contract as contracts
from ..artifacts import CANDIDATE, EVALUATION, GATE, REPORT, RUN, SUMS, TRAINING, TUNING, read_json, write_json
from ..bundle import MANIFEST
from ..settings import load_params
from ..stages import PipelineError, command
from .delivery import exclusive
from .tracking import connect, mlflow_answers

NEEDED = (CANDIDATE / MANIFEST, CANDIDATE / SUMS, EVALUATION, GATE, REPORT, TRAINING, TUNING)


def track() -> None:
    """Send the last result to MLflow. Raises TrackingError and PipelineError as `run_of_result` does."""
    with exclusive():
        print(f"track: the result is run {run_of_result()} in experiment {contracts.load().problem.name!r}")


def run_of_result() -> str:
    """The id of the MLflow run that has the last result, made now where there is none.

    Raises:
        TrackingError: when MLflow does not take it.
        PipelineError: when the result is not complete.
    """
    if missing := [str(path) for path in NEEDED if not path.exists()]:
        raise PipelineError(f"{missing[0]} is missing: run `make pipeline` first")
    contract, training, gate = contracts.load(), read_json(TRAINING), read_json(GATE)
    version = read_json(CANDIDATE / MANIFEST)["model_version"]
    if not version == training["model_version"] == gate["model_version"]:
        raise PipelineError(f"{CANDIDATE} is model {version}, {GATE} is about another: run `make pipeline` first")
    content = tags(contract.digest, training, gate), parameters(training), metrics()
    connect()
    with mlflow_answers():
        experiment = mlflow.set_experiment(contract.problem.name)
        run_id = found(experiment.experiment_id, content[0]["result_sha256"]) or send(version, *content)
    write_json(RUN, {"run_id": run_id, "model_version": version})
    return run_id


def found(experiment_id: str, result: str) -> str | None:
    """The run that was sent in full, and still has its bundle."""
    client = mlflow.MlflowClient()
    wanted = f"tags.result_sha256 = '{result}' and attributes.status = 'FINISHED'"
    runs = [run.info.run_id for run in client.search_runs([experiment_id], wanted)]
    return next((run_id for run_id in runs if client.list_artifacts(run_id, "bundle")), None)


def send(version: str, tags: dict[str, Any], parameters: dict[str, Any], metrics: dict[str, float]) -> str:
    with mlflow.start_run(run_name=version) as run:
        mlflow.set_tags(tags)
        mlflow.log_params(parameters)
        mlflow.log_metrics(metrics)
        mlflow.log_artifacts(str(CANDIDATE), "bundle")
        mlflow.log_artifacts(str(REPORT), "report")
        mlflow.log_artifact(str(GATE))
    return str(run.info.run_id)


def fingerprint() -> str:
    """Another one for any other bundle, verdict or measurement."""
    content = [path.read_bytes() for path in (CANDIDATE / SUMS, EVALUATION, GATE)]
    return hashlib.sha256(b"".join(content)).hexdigest()


def tags(contract_digest: str, training: dict[str, Any], gate: dict[str, Any]) -> dict[str, Any]:
    lineage = read_json(CANDIDATE / MANIFEST)["lineage"]
    return lineage | {
        "contract_digest": contract_digest,
        "result_sha256": fingerprint(),
        "model_version": training["model_version"],
        "candidate": training["chosen"],
        "gate": "passed" if gate["passed"] else "failed",
    }


def parameters(training: dict[str, Any]) -> dict[str, Any]:
    """The chosen candidate's hyperparameters and the sections of params.yaml, one entry a knob."""
    tuned = read_json(TUNING)["candidates"][training["chosen"]]["hyperparameters"]
    params = load_params().model_dump(exclude={"model"})
    found: dict[str, Any] = {"candidate": training["chosen"]} | {f"model.{key}": value for key, value in tuned.items()}
    for section, content in params.items():
        entries = content.items() if isinstance(content, dict) else [("", content)]
        found |= {f"{section}.{key}".rstrip("."): json.dumps(value) for key, value in entries}
    return found


def metrics() -> dict[str, float]:
    """Test metrics with their intervals, the gain over the baseline, savings and latency."""
    evaluation = read_json(EVALUATION)
    found: dict[str, float] = {}
    for name, interval in evaluation["metrics"].items():
        found |= {
            f"test.{name}": interval["value"],
            f"test.{name}.low": interval["low"],
            f"test.{name}.high": interval["high"],
        }
    found |= {f"baseline.{name}": value for name, value in evaluation["baseline"].items()}
    found["gain_over_baseline"] = evaluation["gain_over_baseline"]["value"]
    found["saving_per_1000"] = evaluation["costs"]["saving_per_1000"]
    found["latency_ms.p95"] = evaluation["latency_ms"]["p95"]
    return found


if __name__ == "__main__":
    command(track)
