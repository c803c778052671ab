"""Stage 5: baselines and candidates on the training part; the best on validation becomes the bundle."""

from dataclasses import replace
from typing import Any

import numpy as np
from tqdm import tqdm

from ..engineroom import contract as contracts
from ..engineroom.artifacts import CANDIDATE, CHECKPOINTS, TRAINING, TUNING, read_json, write_json
from ..engineroom.judging import Judge, new_decision
from ..engineroom.learning import Fold, compare, export
from ..engineroom.reading import read_part, target_of
from ..engineroom.settings import load_params
from ..engineroom.stages import command
from ..metrics import METRICS
from ..project import learner


def train() -> None:
    fold = prepare()
    truth, candidates = fold.truth, fit_candidates(fold)
    scores = {name: fold.score(fitted) for name, fitted in candidates.items()}
    judges = {name: fold.judge.fitted(truth, found) for name, found in scores.items()}
    dummy, decision = fold.judge.on(read_part("train")).dummy(fold.y)
    judges["dummy"] = replace(fold.judge, decision=decision)
    scores = {"dummy": np.repeat(dummy, len(truth), axis=0), **scores}
    measured = {name: judges[name].measure(truth, found) for name, found in scores.items()}
    chosen = best(measured, fold.judge)
    bundle = export(candidates[chosen], judges[chosen].decision, fold)
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
        "bundle_bytes": sum(file.stat().st_size for file in CANDIDATE.iterdir()),
    }
    write_json(TRAINING, details)
    print(f"train: {chosen} is best of {len(candidates)} by {details['metric']}; largest parity error {parity:.1e}")


def prepare() -> Fold:
    """The training part to fit on, the validation part to judge by."""
    contract, params = contracts.load(), load_params()
    fitting, validation = read_part("train"), read_part("validation")
    judge = Judge(contract, params, new_decision(target_of(fitting, contract), contract), METRICS)
    return Fold.of(fitting, validation, judge, learner())


def fit_candidates(fold: Fold) -> dict[str, Any]:
    """The linear baseline as it comes, and every candidate with its tuned hyperparameters, fitted.

    One that a checkpoint holds in full is not trained again.
    """
    linear, shared = fold.learner.framework.LINEAR_BASELINE, fold.judge.params.model.shared
    fixed = {key: entry for key, entry in shared.items() if not isinstance(entry, dict)}
    wanted = {"baseline": (linear, fixed)} | {name: (name, found) for name, found in tuned().items()}
    return {
        label: fold.fit(name, hyperparameters, folder=CHECKPOINTS / label)
        for label, (name, hyperparameters) in tqdm(
            wanted.items(), desc="train", unit=" model", leave=False, disable=None
        )
    }


def tuned() -> dict[str, dict[str, Any]]:
    """The hyperparameters that the stage `tune` found for each candidate."""
    return {name: found["hyperparameters"] for name, found in read_json(TUNING)["candidates"].items()}


def best(measured: dict[str, dict[str, float]], judge: Judge) -> str:
    """The candidate with the best primary metric on validation; baselines do not compete."""
    return max(judge.params.model.candidates, key=lambda name: judge.sign * measured[name][judge.metric])


if __name__ == "__main__":
    command(train)
