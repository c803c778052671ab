"""How good a bundle is on held-out records: metrics with intervals, slices, importance, costs, latency."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from ..bundle import Bundle, clock_of
from ..contract import NUMERIC, Contract, Costs
from ..reading import record_of
from ..showing import RARE, shared
from ..splitting import units_of
from .judge import Judge
from .kinds import AnyDecision
from .metrics import BLIND_METRICS

LATENCY_RECORDS, LATENCY_ROUNDS = 200, 5
SHUFFLES = 200
QUARTILES = (0.25, 0.5, 0.75)
Interval = dict[str, float]  # value, low, high


def members(test: pa.Table, contract: Contract) -> list[np.ndarray]:
    """Rows of the test part that are alike: of one group, or else equal records; empty when each stands alone."""
    group = contract.only("group")
    kin: Any = test.column(group).to_pandas() if group else pd.Series(units_of(test, contract))
    return list(kin.groupby(kin).indices.values()) if group or not kin.is_unique else []


@dataclass(frozen=True)
class Baseline:
    """The best model that knows nothing of a record, in the primary metric."""

    record: np.ndarray  # the scores of any record, (1, outputs)
    judge: Judge
    blind: float | None = None  # what the model's own answers reach in another order, where no constant is better

    @classmethod
    def of(cls, dummy: tuple[np.ndarray, AnyDecision], y: np.ndarray, judge: Judge, blind: float) -> Self:
        """For the targets `y`, from the dummy that `Judge.dummy` made of the training targets.

        Recall says nothing of a dummy that flags every record: it is to flag as many as the model does.
        """
        record, decision = dummy
        constant, metric = cls(record, replace(judge, decision=decision)), judge.metric
        constants_count = metric in judge.own or BLIND_METRICS.get(metric)
        if constants_count is None:
            return constant
        better = judge.sign * (blind - constant.primary(y)) > 0
        return constant if constants_count and not better else cls(record, constant.judge, blind)

    def scores(self, rows: int) -> np.ndarray:
        return np.repeat(self.record, rows, axis=0)

    def primary(self, y: np.ndarray) -> float:
        """The primary metric on the records that it was made for, whose targets these are."""
        return self.judge.primary(y, self.scores(len(y))) if self.blind is None else self.blind

    def take(self, rows: np.ndarray) -> Self:
        """The baseline of these rows of the records."""
        return replace(self, judge=self.judge.take(rows))


def chance(y: np.ndarray, scores: np.ndarray, judge: Judge, groups: list[np.ndarray]) -> dict[str, Any]:
    """How well the model's answers fit the test targets in other orders, up to the first that they fit as well.

    A model that knows nothing comes through all of them once in 201 times, whatever the metric and the number of
    records. Whole groups are shuffled where there are several, so that what is alike stays together.

    References:
        Besag, Clifford (1991), Sequential Monte Carlo p-values.
    """
    generator, value, found = np.random.default_rng(judge.params.seed), judge.primary(y, scores), list[float]()

    def order() -> np.ndarray:
        if len(groups) < 2:
            return generator.permutation(len(y))
        return np.concatenate([groups[number] for number in generator.permutation(len(groups))])

    as_good = False
    while len(found) < SHUFFLES and not as_good:
        truth = order()
        found.append(judge.take(truth).primary(y[truth], scores[order()]))
        as_good = judge.sign * (found[-1] - value) >= 0
    return {"shuffles": len(found), "as_good": as_good, "mean": float(np.mean(found))}


def intervals(
    y: np.ndarray, scores: np.ndarray, judge: Judge, baseline: Baseline, groups: list[np.ndarray]
) -> tuple[dict[str, Interval], Interval]:
    """Each metric with its 95% percentile bootstrap interval, and the gain in the primary one over the baseline."""
    generator, evaluation = np.random.default_rng(judge.params.seed), judge.params.evaluation
    draws, gains = [], []
    for _ in tqdm(range(evaluation.bootstrap), desc="evaluate: intervals", unit=" resample", leave=False, disable=None):
        rows = resample(len(y), groups, generator)
        draws.append(draw := judge.take(rows).measure(y[rows], scores[rows]))
        if judge.metric in draw:
            gains.append(judge.sign * (draw[judge.metric] - baseline.take(rows).primary(y[rows])))
    found = {
        name: interval(value, [draw[name] for draw in draws if name in draw])
        for name, value in judge.measure(y, scores).items()
    }
    return found, interval(float(np.median(gains)), gains)


def resample(rows: int, groups: list[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """Row numbers drawn with replacement: whole groups where there are several, as records of one are alike.

    References:
        Davison, Hinkley (1997), Bootstrap Methods and their Application, section 3.8.
    """
    if len(groups) < 2:
        return generator.integers(0, rows, rows)
    return np.concatenate([groups[drawn] for drawn in generator.integers(0, len(groups), len(groups))])


def interval(value: float, draws: list[float]) -> Interval:
    low, high = np.percentile(draws or [value], [2.5, 97.5])
    return {"value": value, "low": float(low), "high": float(high)}


def slices(test: pa.Table, y: np.ndarray, scores: np.ndarray, judge: Judge) -> list[dict[str, Any]]:
    """The metrics of each level of the contract's group and sensitive columns that has enough rows.

    Levels that only a few records have are counted together, and not named.
    """
    contract, found = judge.contract, []
    for name in contract.slices:
        if name not in test.column_names:
            continue
        levels = levels_of(test, name, contract)
        named = shared(zip(levels, range(len(levels)), strict=True))
        levels = np.array([level if level in named else RARE for level in levels], dtype=object)
        for level in sorted(set(levels)):
            rows = np.flatnonzero(levels == level)
            entry: dict[str, Any] = {"column": name, "level": level, "rows": len(rows)}
            if len(rows) >= contract.acceptance.slice_minimum_rows and level != RARE:
                metrics = judge.take(rows).measure(y[rows], scores[rows])
                entry |= {"value": metrics.get(judge.metric), "metrics": metrics}
            found.append(entry)
    return found


def levels_of(test: pa.Table, name: str, contract: Contract) -> np.ndarray:
    """The level of each row as text; numbers fall into quartiles, gaps are a level of their own."""
    values = test.column(name).to_pandas()
    if contract.columns[name].type in NUMERIC:
        edges = np.unique(np.nanquantile(values, QUARTILES))
        between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
        names = np.array([f"<= {edges[0]:g}", *between, f"> {edges[-1]:g}"])
        return np.where(values.isna(), "missing", names[np.searchsorted(edges, values.fillna(edges[0]))])
    return values.astype(object).where(values.notna(), "missing").astype(str).to_numpy()


def importance(columns: dict[str, np.ndarray], y: np.ndarray, bundle: Bundle, judge: Judge) -> list[dict[str, Any]]:
    """How much the primary metric worsens when one column is shuffled, largest first.

    References:
        Breiman (2001), Random Forests, section 10.
    """
    generator, evaluation = np.random.default_rng(judge.params.seed), judge.params.evaluation
    spread = np.linspace(0, len(y) - 1, min(len(y), evaluation.importance_rows)).round().astype(int)
    rows = np.argsort(y, kind="stable")[spread]  # evenly over the target, so that no class is left out
    sample, truth, judged = {name: values[rows] for name, values in columns.items()}, y[rows], judge.take(rows)

    def quality(shuffled: dict[str, np.ndarray]) -> float:
        return judge.sign * judged.primary(truth, bundle.scores(shuffled))

    whole, found = quality(sample), []
    for name in tqdm(bundle.contract.features, desc="evaluate: importance", unit=" column", leave=False, disable=None):
        drops = [
            whole - quality(sample | {name: generator.permutation(sample[name])})
            for _ in range(evaluation.importance_repeats)
        ]
        found.append({"column": name, "drop": float(np.mean(drops)), "spread": float(np.std(drops))})
    return sorted(found, key=lambda entry: -entry["drop"])


def costs(y: np.ndarray, train_y: np.ndarray, scores: np.ndarray, bundle: Bundle) -> dict[str, Any]:
    """What decisions cost on the test part with the model and without one, in the contract's currency."""
    prices, decision = bundle.contract.costs, bundle.decision
    policy, without = decision.do_nothing(y, train_y, prices)
    with_model = decision.cost(y, decision.choose(scores), prices)
    return {
        "currency": prices.currency,
        "stated": prices.model_copy(update={"currency": Costs().currency}) != Costs(),
        "policy": policy,
        "without_model": without,
        "with_model": with_model,
        "saving_per_1000": (without - with_model) / len(y) * 1000,
    }


def latency(test: pa.Table, bundle: Bundle) -> dict[str, float]:
    """Milliseconds of one prediction from a typed record, in this process: each record's best of several rounds.

    By the runtime's clock: what else the machine does at the time says nothing about the model.
    """
    contract = bundle.contract
    records = [record_of(test, row, contract) for row in range(min(LATENCY_RECORDS, test.num_rows))]
    rounds, clock = [], clock_of(bundle.session)
    for _ in range(LATENCY_ROUNDS):
        times = [clock()]
        for record in records:
            bundle.decision.answer(bundle.scores_one(record))
            times.append(clock())
        rounds.append(np.diff(times))
    p50, p95 = np.percentile(np.min(rounds, axis=0) * 1000, [50, 95])
    return {"p50": float(p50), "p95": float(p95)}
