"""Stage 4: hyperparameters of every candidate, on folds of the training part with Optuna."""

import time

import numpy as np
import optuna
import pyarrow as pa

from ..engineroom import contract as contracts
from ..engineroom.artifacts import TUNING, write_json
from ..engineroom.judging import Judge, new_decision
from ..engineroom.learning import Fold, corners, rehearse, search_space
from ..engineroom.reading import read_part, target_of
from ..engineroom.settings import load_params
from ..engineroom.splitting import folds, labels_of
from ..engineroom.stages import PipelineError, command
from ..metrics import METRICS
from ..project import learner


def tune() -> None:
    contract, params, train = contracts.load(), load_params(), read_part("train")
    judge = Judge(contract, params, new_decision(target_of(train, contract), contract), METRICS)
    prepared = prepare(train, judge)
    deadline = time.monotonic() + params.tune.timeout_s
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rehearse({name: list(corners(space)) for name, space in params.model.spaces.items()}, prepared[0])
    found = {}
    for name, space in params.model.spaces.items():
        found[name] = result = search_space(name, space, prepared, deadline)
        many = f" +- {result['spread']:.4f} over {len(prepared)} folds"
        how = many if len(prepared) > 1 else " on a held-out fifth"
        print(f"tune: {name}: {judge.metric} {result['score']:.4f}{how}")
    write_json(TUNING, {"metric": judge.metric, "folds": len(prepared), "candidates": found})


def prepare(train: pa.Table, judge: Judge) -> list[Fold]:
    """Encode each fold with what its own fitting part taught; trials then share the work."""
    contract, params, strata, learns = judge.contract, judge.params, judge.decision.strata, learner()
    y = labels_of(train, contract)
    prepared = []
    for fitting, scoring in folds(train, contract, y, params.tune.folds, params.seed):
        if len(np.unique(strata(y[fitting]))) < len(np.unique(strata(y))) and contract.target.kind != "continuous":
            raise PipelineError("a class is missing from a fold: lower tune.folds, or leave the rare class out")
        prepared.append(Fold.of(train.take(fitting), train.take(scoring), judge, learns))
    return prepared


if __name__ == "__main__":
    command(tune)
