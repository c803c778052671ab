"""Stage 5: baselines and candidates on the training part; the best on validation becomes the bundle."""

import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from .. import contract as contracts
from .. import model
from ..artifacts import BUNDLE, CHECKPOINTS, INGEST, TRAINING, TUNING, read_json, write_json
from ..bundle import MODEL, REFERENCE, Bundle, Golden, Manifest, digest, save
from ..contract import PATH as CONTRACT
from ..records import to_raw
from ..settings import PARAMS, load_params
from ..task import Decision, baseline_scores, new_decision
from . import PipelineError, command
from .fold import Fold
from .metric import Judge
from .table import columns_of, read_part, target_of, write

GOLDEN_RECORDS, GOLDEN_DRAW = 5, 50


@dataclass(frozen=True)
class Material:
    """The training and the validation part: as tables, and encoded as candidates take them."""

    fitting: pa.Table
    validation: pa.Table
    fold: Fold


def train() -> None:
    material = prepare()
    fold, truth = material.fold, material.fold.truth
    candidates = fit_candidates(fold)
    scores = {name: model.score(fitted, fold.held_out) for name, fitted in candidates.items()}
    scores = {"dummy": baseline_scores(fold.y, len(truth)), **scores}
    judges = {name: fold.judge.fitted(truth, found) for name, found in scores.items()}
    measured = {name: judges[name].measure(truth, found) for name, found in scores.items()}
    chosen = best(measured, fold.judge)
    bundle = export(candidates[chosen], judges[chosen].decision, material)
    parity = compare(bundle.run(fold.held_out), scores[chosen], truth)
    details = {
        "chosen": chosen,
        "metric": fold.judge.metric,
        "validation": measured,
        "parity": parity,
        "model_version": bundle.manifest.model_version,
        "decision": bundle.decision.model_dump(),
        "features": bundle.encoder.names,
        "dropped": bundle.encoder.dropped,
        "bundle_bytes": sum(file.stat().st_size for file in BUNDLE.iterdir()),
    }
    write_json(TRAINING, details)
    print(f"train: {chosen} is best of {len(candidates)} by {details['metric']}; largest parity error {parity:.1e}")


def prepare() -> Material:
    """Read both parts and encode them with what the training part alone teaches."""
    contract, params = contracts.load(), load_params()
    fitting, validation = read_part("train"), read_part("validation")
    judge = Judge(contract, params, new_decision(target_of(fitting, contract), contract))
    return Material(fitting, validation, Fold.of(fitting, validation, judge))


def fit_candidates(fold: Fold) -> dict[str, Any]:
    """The linear baseline as it comes, and every candidate with its tuned hyperparameters, fitted.

    One that a checkpoint holds in full is not trained again.
    """
    shared = fold.judge.params.model.shared
    fixed = {key: entry for key, entry in shared.items() if not isinstance(entry, dict)}
    wanted = {"baseline": (model.LINEAR_BASELINE, fixed)} | {name: (name, found) for name, found in tuned().items()}
    return {
        label: fold.fit(name, hyperparameters, folder=CHECKPOINTS / label)
        for label, (name, hyperparameters) in tqdm(wanted.items(), desc="train", unit=" model")
    }


def tuned() -> dict[str, dict[str, Any]]:
    """The hyperparameters that the stage `tune` found for each candidate."""
    return {name: found["hyperparameters"] for name, found in read_json(TUNING)["candidates"].items()}


def best(measured: dict[str, dict[str, float]], judge: Judge) -> str:
    """The candidate with the best primary metric on validation; baselines do not compete."""
    return max(judge.params.model.candidates, key=lambda name: judge.sign * measured[name][judge.metric])


def export(estimator: Any, decision: Decision, material: Material) -> Bundle:
    """Write the bundle and load it again, as the service will."""
    fold = material.fold
    shutil.rmtree(BUNDLE, ignore_errors=True)
    BUNDLE.mkdir(parents=True)
    try:
        output = model.export(estimator, fold.inputs, BUNDLE / MODEL)
    except ValueError as error:
        raise PipelineError(str(error)) from None
    manifest = Manifest(
        contract_digest=fold.judge.contract.digest,
        inputs=tuple(fold.inputs),
        output=output,
        decision=decision,
        golden=(),
        lineage=lineage(),
    )
    write(pa.table({}), BUNDLE / REFERENCE)
    save(BUNDLE, CONTRACT, fold.encoder, manifest)
    draft = Bundle.load(BUNDLE)  # what remains is what this graph itself gives
    write(reference(draft, material), BUNDLE / REFERENCE)
    golden = golden_records(draft, material)
    save(BUNDLE, CONTRACT, fold.encoder, manifest.model_copy(update={"golden": golden}))
    return Bundle.load(BUNDLE)


def reference(bundle: Bundle, material: Material) -> pa.Table:
    """What drift is measured against: held-out records, and training records up to the number wanted.

    A model knows its training records, so their embeddings are unlike those of any others: these are left out.
    """
    params, held_out = material.fold.judge.params, bundle.describe(columns_of(material.validation))
    wanted = max(0, params.drift.reference_rows - material.validation.num_rows)
    rows = np.random.default_rng(params.seed).permutation(material.fitting.num_rows)[:wanted]
    known = bundle.describe(columns_of(material.fitting.take(np.sort(rows))), np.empty((len(rows), 0)))
    return pa.table({name: known.get(name, [None] * len(rows)) + values for name, values in held_out.items()})


def golden_records(bundle: Bundle, material: Material) -> tuple[Golden, ...]:
    """Raw records with the scores that the bundle gives them: of a draw with few gaps those with the smallest pictures.

    They stand in the bundle, in the examples of the service's description, and in front of people.
    """
    contract, fitting = bundle.contract, material.fitting
    shown = [*contract.features, *contract.with_role("time"), *(rule.column for rule in contract.eligibility)]
    gaps = np.sum([fitting.column(name).is_null().to_numpy() for name in contract.features], axis=0)
    rows = np.random.default_rng(material.fold.judge.params.seed).permutation(fitting.num_rows)
    drawn = rows[np.argsort(gaps[rows], kind="stable")][:GOLDEN_DRAW]
    records = fitting.select(list(dict.fromkeys(shown))).take(drawn).to_pylist()
    small = sorted(records, key=picture_bytes)[:GOLDEN_RECORDS]
    return tuple(Golden(record=to_raw(contract, one), scores=bundle.scores_one(one)[0].tolist()) for one in small)


def picture_bytes(record: dict[str, Any]) -> int:
    return sum(len(value) for value in record.values() if isinstance(value, bytes))


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
    return head.stdout.strip() + ("-dirty" if changed else "")


if __name__ == "__main__":
    command(train)
