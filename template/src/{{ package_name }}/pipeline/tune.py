"""Stage 4: hyperparameters of every candidate, on folds of the training part with Optuna."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import optuna
import pyarrow as pa
from tqdm import tqdm

from .. import contract as contracts
from .. import model
from ..artifacts import TUNING, write_json
from ..contract import Contract
from ..modality import Encoder, Inputs
from ..settings import Params, load_params
from ..task import HIGHER_IS_BETTER, Decision, new_decision, strata
from . import PipelineError, command
from .metric import primary_metric, watch
from .split import folds, labels_of
from .table import columns_of, read_part, target_of

STARTED, WARM = 2, 3  # trials, and steps of a trial, before a hopeless one is ended early
STEPS = 10_000  # of one fold at most: the steps of all folds in a row are one trial's


@dataclass(frozen=True)
class Fold:
    """A part of the training part to fit on, and the rest of it to score."""

    encoder: Encoder
    inputs: Inputs
    y: np.ndarray
    held_out: Inputs
    truth: np.ndarray


def tune() -> None:
    contract, params = contracts.load(), load_params()
    metric = primary_metric(contract)
    train = read_part("train")
    prepared = prepare(train, contract, params)
    decision = new_decision(target_of(train, contract), contract)
    deadline = time.monotonic() + params.tune.timeout_s
    trials = {name: params.tune.trials if searched(space) else 1 for name, space in params.model.spaces.items()}
    found = {}
    with tqdm(total=sum(trials.values()), desc="tune", unit=" trial") as progress:
        for name, space in params.model.spaces.items():
            progress.set_postfix_str(name)
            evaluate = partial(
                objective,
                name=name,
                space=space,
                prepared=prepared,
                decision=decision,
                contract=contract,
                params=params,
            )
            study = search(
                evaluate, HIGHER_IS_BETTER[metric], trials[name], deadline - time.monotonic(), params.seed, progress
            )
            found[name] = summary(study, space)
    write_json(TUNING, {"metric": metric, "folds": len(prepared), "candidates": found})
    for name, result in found.items():
        many = f" +- {result['spread']:.4f} over {len(prepared)} folds"
        print(f"tune: {name}: {metric} {result['score']:.4f}{many if len(prepared) > 1 else ' on a held-out fifth'}")


def search(
    evaluate: Callable[[optuna.Trial], float], maximise: bool, trials: int, seconds: float, seed: int, progress: tqdm
) -> optuna.Study:
    """An Optuna study of at most so many trials; at least one runs when the time is up."""
    study = optuna.create_study(
        direction="maximize" if maximise else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTED, n_warmup_steps=WARM),
    )

    def tick(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        progress.update()

    study.optimize(evaluate, n_trials=trials, timeout=max(1.0, seconds), callbacks=[tick])
    return study


def prepare(train: pa.Table, contract: Contract, params: Params) -> list[Fold]:
    """Encode each fold with what its own fitting part taught; trials then share the work."""
    y = labels_of(train, contract)
    prepared = []
    for fitting, scoring in folds(train, contract, y, params.tune.folds, params.seed):
        if len(np.unique(strata(y[fitting]))) < len(np.unique(strata(y))) and contract.target.kind != "continuous":
            raise PipelineError("a class is missing from a fold: lower tune.folds, or leave the rare class out")
        columns, held_out = columns_of(train.take(fitting)), columns_of(train.take(scoring))
        encoder = Encoder.fit(columns, contract, params.features)
        prepared.append(Fold(encoder, encoder.encode(columns), y[fitting], encoder.encode(held_out), y[scoring]))
    return prepared


def objective(
    trial: optuna.Trial,
    name: str,
    space: Mapping[str, Any],
    prepared: list[Fold],
    decision: Decision,
    contract: Contract,
    params: Params,
) -> float:
    """Mean of the primary metric over the folds."""
    hyperparameters = {key: suggest(trial, key, entry) for key, entry in space.items()}
    found = []
    for number, fold in enumerate(prepared):
        watched = watch(fold.held_out, fold.truth, decision, contract, params, report=reporter(trial, number * STEPS))
        options: dict[str, Any] = {"class_weight": params.model.class_weight, "seed": params.seed}
        estimator = model.build(name, hyperparameters, encoder=fold.encoder, decision=decision, **options)
        fitted = model.fit(estimator, fold.inputs, fold.y, watched)
        found.append(watched.judge(model.score(fitted, fold.held_out)))
    trial.set_user_attr("spread", float(np.std(found)))
    return float(np.mean(found))


def reporter(trial: optuna.Trial, first: int) -> Callable[[int, float], None]:
    """Tells Optuna how a trial gets on; it may then end the trial."""

    def report(step: int, value: float) -> None:
        trial.report(value, first + step)
        if trial.should_prune():
            raise optuna.TrialPruned

    return report


def searched(space: Mapping[str, Any]) -> bool:
    return any(isinstance(entry, dict) for entry in space.values())


def suggest(trial: optuna.Trial, key: str, entry: Any) -> Any:
    """A fixed value as it stands, {choices: [...]}, or {low, high, log}: whole numbers when both ends are."""
    if not isinstance(entry, dict):
        return entry
    if set(entry) == {"choices"}:
        return trial.suggest_categorical(key, entry["choices"])
    if not {"low", "high"} <= set(entry) <= {"low", "high", "log"}:
        raise PipelineError(
            f"params.yaml: model.candidates: {key}: found {entry}, allowed are a value, low and high, or choices"
        )
    low, high, log = entry["low"], entry["high"], entry.get("log", False)
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, log=log)
    return trial.suggest_float(key, low, high, log=log)


def summary(study: optuna.Study, space: Mapping[str, Any]) -> dict[str, Any]:
    fixed = {key: entry for key, entry in space.items() if not isinstance(entry, dict)}
    best = study.best_trial
    return {
        "hyperparameters": fixed | best.params,
        "score": best.value,
        "spread": best.user_attrs["spread"],
        "trials": [
            {
                "hyperparameters": trial.params,
                "score": trial.value,
                "ended_early": trial.state is optuna.trial.TrialState.PRUNED,
            }
            for trial in study.trials
        ],
    }


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    command(tune)
