"""A search for the hyperparameters of one candidate: trials on folds of the training part, by Optuna."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import optuna
from tqdm import tqdm

from ..contract import ParamsError
from .fold import Fold

PRUNED = optuna.trial.TrialState.PRUNED
STARTED, WARM = 2, 3  # trials, and steps of a trial, before a hopeless one is ended early
STEPS = 10_000  # of one fold at most: the steps of all folds in a row are one trial's


def search_space(name: str, space: Mapping[str, Any], folds: list[Fold], deadline: float) -> dict[str, Any]:
    """The best hyperparameters of a candidate and all that were tried: one trial at least, when the time is up."""
    judge = folds[0].judge
    study = optuna.create_study(
        direction="maximize" if judge.sign > 0 else "minimize",
        sampler=optuna.samplers.TPESampler(seed=judge.params.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTED, n_warmup_steps=WARM),
    )
    evaluate = partial(objective, name=name, space=space, folds=folds)
    searched = any(isinstance(entry, dict) for entry in space.values())
    study.enqueue_trial(middle(space))
    trials, seconds = judge.params.tune.trials if searched else 1, max(1, round(deadline - time.monotonic()))
    with tqdm(total=trials, desc=f"tune: {name}", unit=" trial", leave=False, disable=None) as bar:

        def advance(*_: Any) -> None:
            bar.update()

        study.optimize(evaluate, n_trials=trials, timeout=seconds, callbacks=[advance])
    return summary(study, space)


def objective(trial: optuna.Trial, name: str, space: Mapping[str, Any], folds: list[Fold]) -> float:
    """Mean of the primary metric over the folds."""
    hyperparameters = {key: suggest(trial, key, entry) for key, entry in space.items()}
    found = []
    for number, fold in enumerate(folds):
        fitted = fold.fit(name, hyperparameters, report=reporter(trial, first=number * STEPS))
        found.append(fold.quality(fold.score(fitted)))
    trial.set_user_attr("spread", float(np.std(found)))
    return float(np.mean(found))


def reporter(trial: optuna.Trial, first: int) -> Callable[[int, float], None]:
    """Tells Optuna how a trial gets on; it may then end the trial."""

    def report(step: int, value: float) -> None:
        trial.report(value, first + step)
        if trial.should_prune():
            raise optuna.TrialPruned

    return report


def suggest(trial: "optuna.Trial | Middle", key: str, entry: Any) -> Any:
    """A fixed value as it stands, {choices: [...]}, or {low, high, log}: whole numbers when both ends are."""
    if not isinstance(entry, dict):
        return entry
    if set(entry) == {"choices"}:
        return trial.suggest_categorical(key, entry["choices"])
    if not {"low", "high"} <= set(entry) <= {"low", "high", "log"}:
        raise ParamsError(
            f"params.yaml: model.candidates: {key}: found {entry}, allowed are a value, low and high, or choices"
        )
    low, high, log = entry["low"], entry["high"], entry.get("log", False)
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, log=log)
    return trial.suggest_float(key, low, high, log=log)


class Middle:
    """What `suggest` asks: the middle of each range, on its scale, and of the choices."""

    def suggest_float(self, key: str, low: float, high: float, *, log: bool) -> float:
        return math.sqrt(low * high) if log else (low + high) / 2

    def suggest_int(self, key: str, low: int, high: int, *, log: bool) -> int:
        return round(self.suggest_float(key, low, high, log=log))

    def suggest_categorical(self, key: str, choices: list[Any]) -> Any:
        return choices[len(choices) // 2]


def middle(space: Mapping[str, Any]) -> dict[str, Any]:
    """Where a search begins: with few trials a draw of the corners would decide it."""
    return {key: suggest(Middle(), key, entry) for key, entry in space.items()}


def corners(space: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The middle of a search space, and each choice that is no number: a kernel or a loss can be what has no export."""
    yield (usual := middle(space))
    for key, entry in space.items():
        for choice in entry.get("choices", ()) if isinstance(entry, dict) else ():
            if choice != usual[key] and (isinstance(choice, bool) or not isinstance(choice, int | float)):
                yield usual | {key: choice}


def summary(study: optuna.Study, space: Mapping[str, Any]) -> dict[str, Any]:
    fixed = {key: entry for key, entry in space.items() if not isinstance(entry, dict)}
    best = study.best_trial
    return {
        "hyperparameters": fixed | best.params,
        "score": best.value,
        "spread": best.user_attrs["spread"],
        "trials": [
            {"hyperparameters": trial.params, "score": trial.value, "ended_early": trial.state is PRUNED}
            for trial in study.trials
        ],
    }
