"""The finished execution as one MLflow run: parameters, metrics, pictures, bundle, lineage.

DVC does not run it: a run lies in the MLflow of one machine or server, and is no output that another could pull.
"""

import hashlib
import json
from typing import Any

import mlflow

from .. import contract as contracts
from ..artifacts import CANDIDATE, EVALUATION, GATE, REPORT, RUN, TRAINING, TUNING, read_json, write_json
from ..bundle import MANIFEST, SUMS
from ..settings import Environment, load_params
from . import command


def track() -> None:
    contract, training, gate = contracts.load(), read_json(TRAINING), read_json(GATE)
    result = fingerprint()
    if RUN.exists() and (known := read_json(RUN)).get("result") == result:
        print(f"track: run {known['run_id']} has this result already")
        return
    mlflow.set_tracking_uri(Environment().mlflow_tracking_uri)
    mlflow.set_experiment(contract.problem.name)
    with mlflow.start_run(run_name=training["model_version"]) as run:
        mlflow.set_tags(tags(contract.digest, training, gate))
        mlflow.log_params(parameters(training))
        mlflow.log_metrics(metrics())
        mlflow.log_artifacts(str(CANDIDATE), "bundle")
        mlflow.log_artifacts(str(REPORT), "report")
        mlflow.log_artifact(str(GATE))
    write_json(RUN, {"run_id": run.info.run_id, "model_version": training["model_version"], "result": result})
    print(f"track: run {run.info.run_id} in experiment {contract.problem.name!r}")


def fingerprint() -> str:
    """Another one for any other bundle, verdict or measurement."""
    content = [path.read_bytes() for path in (CANDIDATE / SUMS, EVALUATION, GATE)]
    return hashlib.sha256(b"".join(content)).hexdigest()


def tags(contract_digest: str, training: dict[str, Any], gate: dict[str, Any]) -> dict[str, Any]:
    lineage = read_json(CANDIDATE / MANIFEST)["lineage"]
    return lineage | {
        "contract_digest": contract_digest,
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
