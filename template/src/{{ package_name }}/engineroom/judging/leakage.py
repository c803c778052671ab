"""Columns that give the target away, alone or a few together: what knows nearly everything stops the pipeline."""

import pandas as pd

from ..contract import NUMERIC, Contract
from ..encoding import PARSERS
from ..settings import LeakageParams
from .formula import Formula, formulas
from .truth import Truth

REMEDY = "(type: ignored), or list it in quality.near_copies_allowed if it is known before the outcome"


def near_copies(frame: pd.DataFrame, contract: Contract, params: LeakageParams, seed: int) -> list[str]:
    """A sentence for each feature that predicts the target almost perfectly, and for features that make it up."""
    alone, together = telling(frame, contract, params, seed)
    return [
        f"column {name!r} is a near-copy of the target (alone it scores {score:.3f}): remove it {REMEDY}"
        for name, score in alone.items()
    ] + [
        f"column(s) {' and '.join(map(repr, names))} make up the target: {rule}; remove one {REMEDY}"
        for names, rule in together
    ]


def telling(
    frame: pd.DataFrame, contract: Contract, params: LeakageParams, seed: int
) -> tuple[dict[str, float], list[Formula]]:
    """Features among these columns that predict the target almost perfectly on their own, with their score, and others
    that make it up together.

    The work grows with rows times columns: at most `params.rows` rows are looked at, and the commonest classes.
    """
    sample = frame.sample(min(len(frame), params.rows), random_state=seed)
    records, truth = Truth.of(sample, contract)
    allowed, alone, others = contract.quality.near_copies_allowed, dict[str, float](), list[str]()
    for name, column in contract.features.items():
        if name in frame and name not in allowed:
            ordered = column.type in (*NUMERIC, "boolean", "datetime")
            score = truth.by_size(records[name], seed) if ordered else truth.by_level(records[name])
            if score >= params.threshold:
                alone[name] = score
            elif column.type not in PARSERS:
                others.append(name)
    return alone, formulas(records, truth, contract, others)
