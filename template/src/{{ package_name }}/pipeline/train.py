"""Stage 5: baselines and candidates on the training part; the best on validation becomes the bundle."""

import platform
import shutil
import subprocess
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from .. import contract as contracts
from .. import model
from ..artifacts import BUNDLE, CHECKPOINTS, INGEST, TRAINING, TUNING, read_json, write_json
from ..bundle import MODEL, REFERENCE, Bundle, Golden, digest, save
from ..contract import PATH as CONTRACT
from ..contract import Contract
from ..modality import Encoder, Inputs
from ..records import to_raw
from ..settings import PARAMS, Params, load_params
from ..task import HIGHER_IS_BETTER, Decision, baseline_scores, encode_target, fit_decision, measure, new_decision
from . import PipelineError, command
from .metric import primary, primary_metric, signed
from .table import columns_of, read_part, target_of, write
from .watch import Watch

GOLDEN_RECORDS = 5


def train() -> None:
    contract, params = contracts.load(), load_params()
    fitting, validation = read_part("train"), read_part("validation")
    undecided = new_decision(target_of(fitting, contract), contract)
    y, truth = (encode_target(target_of(part, contract), undecided) for part in (fitting, validation))
    encoder = Encoder.fit(columns_of(fitting), contract, params.features)
    inputs, held_out = encoder.encode(columns_of(fitting)), encoder.encode(columns_of(validation))

    judged = partial(primary, truth, decision=undecided, contract=contract, params=params)
    watch = Watch(held_out, signed(judged, contract), folder=CHECKPOINTS)
    fitted = fit_candidates(inputs, y, watch, encoder, undecided, params)
    scores = {name: model.score(estimator, held_out) for name, estimator in fitted.items()}
    scores = {"dummy": baseline_scores(y, len(truth)), **scores}
    measured = {
        name: measure(truth, found, undecided, contract.costs, params.evaluation.precision_at)
        for name, found in scores.items()
    }
    chosen = best(measured, primary_metric(contract), params)

    decision = fit_decision(undecided, truth, scores[chosen], contract.costs, params.evaluation.coverage)
    bundle = export(fitted[chosen], encoder, decision, inputs, fitting, contract, params)
    parity = compare(bundle.run(held_out), scores[chosen], truth)
    write_json(TRAINING, record(chosen, measured, parity, bundle, encoder, contract))
    print(f"train: {chosen} is best of {len(fitted)} by {primary_metric(contract)}; largest parity error {parity:.1e}")


def fit_candidates(
    inputs: Inputs, y: np.ndarray, watch: Watch, encoder: Encoder, decision: Decision, params: Params
) -> dict[str, Any]:
    """The linear baseline as it comes, and every candidate with its tuned hyperparameters."""
    tuned = {name: found["hyperparameters"] for name, found in read_json(TUNING)["candidates"].items()}
    fixed = {key: entry for key, entry in params.model.shared.items() if not isinstance(entry, dict)}
    wanted = {"baseline": (model.LINEAR_BASELINE, fixed)} | {name: (name, tuned[name]) for name in tuned}
    options: dict[str, Any] = {"class_weight": params.model.class_weight, "seed": params.seed}
    fitted = {}
    for label, (name, hyperparameters) in tqdm(wanted.items(), desc="train", unit=" model"):
        estimator = model.build(name, hyperparameters, encoder=encoder, decision=decision, **options)
        fitted[label] = model.fit(estimator, inputs, y, replace(watch, folder=CHECKPOINTS / label))
    return fitted


def best(measured: dict[str, dict[str, float]], metric: str, params: Params) -> str:
    """The candidate with the best primary metric on validation; baselines do not compete."""
    sign = 1 if HIGHER_IS_BETTER[metric] else -1
    return max(params.model.candidates, key=lambda name: sign * measured[name][metric])


def export(
    estimator: Any,
    encoder: Encoder,
    decision: Decision,
    inputs: Inputs,
    fitting: pa.Table,
    contract: Contract,
    params: Params,
) -> Bundle:
    """Write the bundle and load it again, as the service will."""
    shutil.rmtree(BUNDLE, ignore_errors=True)
    BUNDLE.mkdir(parents=True)
    try:
        output = model.export(estimator, inputs, BUNDLE / MODEL)
    except ValueError as error:
        raise PipelineError(str(error)) from None
    rows = np.random.default_rng(params.seed).permutation(fitting.num_rows)
    reference = fitting.take(np.sort(rows[: params.drift.reference_rows]))
    details: dict[str, Any] = {
        "contract_file": CONTRACT,
        "contract": contract,
        "encoder": encoder,
        "output": output,
        "inputs": tuple(inputs),
        "decision": decision,
        "lineage": lineage(),
    }
    write(pa.table({}), BUNDLE / REFERENCE)
    save(BUNDLE, golden=(), **details)
    draft = Bundle.load(BUNDLE)
    write(pa.table(draft.describe(columns_of(reference))), BUNDLE / REFERENCE)
    save(BUNDLE, golden=golden_records(draft, fitting), **details)
    return Bundle.load(BUNDLE)


def golden_records(bundle: Bundle, fitting: pa.Table) -> tuple[Golden, ...]:
    """Raw records with the scores that the bundle gives them, fewest gaps first."""
    contract = bundle.contract
    shown = [*contract.features, *contract.with_role("time"), *(rule.column for rule in contract.eligibility)]
    gaps = np.sum([fitting.column(name).is_null().to_numpy() for name in contract.features], axis=0)
    golden = []
    for row in np.argsort(gaps, kind="stable")[:GOLDEN_RECORDS].tolist():
        record = {name: fitting.column(name)[row].as_py() for name in dict.fromkeys(shown)}
        golden.append(Golden(record=to_raw(contract, record), scores=bundle.scores_one(record)[0].tolist()))
    return tuple(golden)


def compare(exported: np.ndarray, native: np.ndarray, truth: np.ndarray) -> float:
    """Largest difference on any validation row: in probability, or relative to the spread of a numeric target.

    A graph answers in float32: of a value far from zero, what that type cannot hold is no disagreement.
    """
    if native.shape[1] > 1:
        return float(np.abs(exported - native).max())
    resolution = 4 * np.finfo(np.float32).eps * np.abs(native)
    return float(np.maximum(np.abs(exported - native) - resolution, 0).max() / (truth.std() or 1.0))


def lineage() -> dict[str, str]:
    """Where the model comes from: code, data, parameters and the libraries that matter to its numbers."""
    libraries = ("numpy", "onnxruntime", *model.LIBRARIES)
    return {
        "git_sha": git_sha(),
        "data_sha256": read_json(INGEST)["data_sha256"],
        "params_sha256": digest(PARAMS),
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }


def git_sha() -> str:
    """The commit, with "-dirty" when files differ from it; "none" before the first commit.

    dvc.lock and data/raw.dvc do not count: the pipeline itself writes them, and data_sha256 tells the data.
    """
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode != 0:
        return "none"
    counted = ["--", ".", ":!dvc.lock", ":!data"]
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", *counted], check=False).returncode != 0
    return head.stdout.strip() + "-dirty" * changed


def record(
    chosen: str,
    measured: dict[str, dict[str, float]],
    parity: float,
    bundle: Bundle,
    encoder: Encoder,
    contract: Contract,
) -> dict[str, Any]:
    return {
        "chosen": chosen,
        "metric": primary_metric(contract),
        "validation": measured,
        "parity": parity,
        "model_version": bundle.manifest.model_version,
        "decision": bundle.decision.model_dump(),
        "features": encoder.names,
        "dropped": encoder.dropped,
        "bundle_bytes": sum(file.stat().st_size for file in BUNDLE.iterdir()),
    }


if __name__ == "__main__":
    command(train)
