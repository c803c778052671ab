"""Before anything is searched: can each candidate be exported, and does its graph give what the fitted model gives?"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..bundle import session
from ..contract import ParamsError, UserError
from ..encoding import Inputs
from .fold import Fold

FEW, OF_EACH = 100, 5  # rows in all, and of each class or range of the target at least
WRONG = 1e-3  # an error by which a graph is another model; the gate judges the last digits of the one that wins


def rehearse(tries: Mapping[str, Sequence[Mapping[str, Any]]], fold: Fold) -> None:
    """Fit each candidate with each of its hyperparameters on a few records, export it and compare.

    Raises:
        ParamsError: naming all candidates that cannot be used, each with its reason, and those that can.
    """
    reasons = {name: next(filter(None, (fault(name, one, fold) for one in those)), "") for name, those in tries.items()}
    if any(reasons.values()):
        found = "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason)
        able = ", ".join(name for name, reason in reasons.items() if not reason) or "none"
        raise ParamsError(f"params.yaml: model.candidates: {found}; candidates that can be exported: {able}")


def fault(name: str, hyperparameters: Mapping[str, Any], fold: Fold) -> str:
    """Why a candidate cannot be used, or nothing. A few records can be too few, so all have the last word."""
    strata = fold.judge.decision.strata
    some, judged = _few(strata(fold.y)), _few(strata(fold.truth))
    fitting = {"inputs": _taken(fold.inputs, some), "y": fold.y[some]}
    held_out = {"held_out": _taken(fold.held_out, judged), "truth": fold.truth[judged]}
    few = replace(fold, judge=fold.judge.take(judged), **fitting, **held_out)
    try:
        reason = attempt(name, {**hyperparameters, **fold.learner.framework.SHORT}, few)
    except UserError:
        raise
    except Exception as error:  # a library's, or the candidate's own
        reason = repr(error)
    try:
        return reason and attempt(name, hyperparameters, fold)
    except Exception as error:
        error.add_note(f"This was candidate {name!r} of params.yaml, with {dict(hyperparameters)}.")
        raise


def attempt(name: str, hyperparameters: Mapping[str, Any], fold: Fold) -> str:
    """Why the graph of a candidate, fitted on this fold, cannot be used, or nothing."""
    fitted = fold.fit(name, hyperparameters)
    scores = fold.score(fitted)
    try:
        error = compare(_exported(fitted, fold), scores, fold.truth)
    except Exception as failure:  # neither converters nor ONNX Runtime have a class of errors of their own
        said = (str(failure).strip() or type(failure).__name__).splitlines()[0]
        return said if isinstance(failure, ValueError) else f"{type(failure).__name__}: {said}"
    wrong, unit = not error <= WRONG, fold.judge.decision.parity_unit
    return f"its ONNX graph gives other scores than the fitted model, {error:.1e} off ({unit})" if wrong else ""


def compare(exported: np.ndarray, native: np.ndarray, truth: np.ndarray) -> float:
    """Largest difference on any record: in probability, or relative to the spread of a numeric target.

    A graph answers in float32: of a value far from zero, what that type cannot hold is no disagreement.
    """
    if native.shape[1] > 1:
        return float(np.abs(exported - native).max())
    resolution = 4 * np.finfo(np.float32).eps * np.abs(native)
    return float(np.maximum(np.abs(exported - native) - resolution, 0).max() / (truth.std() or 1.0))


def _exported(fitted: Any, fold: Fold) -> np.ndarray:
    """What the graph of a fitted candidate gives for the held-out records."""
    with tempfile.TemporaryDirectory() as folder:
        output = fold.export(fitted, Path(folder, "model.onnx"))
        graph = session(Path(folder, "model.onnx").read_bytes())
    return np.asarray(graph.run([output], fold.held_out)[0], dtype=np.float64)


def _few(kinds: np.ndarray) -> np.ndarray:
    """Row numbers of a few records, evenly of all classes or ranges of the target."""
    place = pd.Series(kinds).groupby(kinds).cumcount().to_numpy()
    return np.sort(np.argsort(place, kind="stable")[: max(FEW, OF_EACH * (kinds.max() + 1))])


def _taken(inputs: Inputs, rows: np.ndarray) -> Inputs:
    return {name: array[rows] for name, array in inputs.items()}
