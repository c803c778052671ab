"""Stage 6: the bundle on the test part, which only this stage reads, and reads once."""

import numpy as np

from ..engineroom import contract as contracts
from ..engineroom.artifacts import CANDIDATE, EVALUATION, TEST_SCORES, write_json
from ..engineroom.bundle import Bundle
from ..engineroom.judging import Baseline, Judge, chance, costs, importance, intervals, latency, members, slices
from ..engineroom.reading import columns_of, read_part, target_of
from ..engineroom.settings import load_params
from ..engineroom.stages import command
from ..metrics import METRICS


def evaluate() -> None:
    contract, params = contracts.load(), load_params()
    bundle, test = Bundle.load(CANDIDATE), read_part("test")
    parts = {"train": read_part("train"), "validation": read_part("validation"), "test": test}
    judge, columns, groups = (
        Judge(contract, params, bundle.decision, METRICS),
        columns_of(test),
        members(test, contract),
    )
    targets = {name: bundle.decision.encode(target_of(part, contract)) for name, part in parts.items()}
    y, train_y, dummy = targets["test"], targets["train"], judge.on(parts["train"]).dummy(targets["train"])
    judge = judge.on(test)
    scores = bundle.scores(columns)
    luck = chance(y, scores, judge, groups)
    baseline = Baseline.of(dummy, y, judge, luck["mean"])
    metrics, gain = intervals(y, scores, judge, baseline, groups)
    TEST_SCORES.parent.mkdir(parents=True, exist_ok=True)
    np.savez(TEST_SCORES, y=y, scores=scores)
    write_json(
        EVALUATION,
        {
            "model_version": bundle.manifest.model_version,
            "metric": judge.metric,
            "rows": len(y),
            "groups": len(groups) if contract.only("group") else 0,
            "metrics": metrics,
            "own_metrics": {name: metric.told() for name, metric in METRICS.items()},
            "baseline": baseline.judge.measure(y, baseline.scores(len(y))) | {judge.metric: baseline.primary(y)},
            "blind": baseline.blind is not None,
            "gain_over_baseline": gain,
            "chance": luck,
            "classes": bundle.decision.by_class(targets, scores),
            "slices": slices(test, y, scores, judge),
            "importance": importance(columns, y, bundle, judge),
            "costs": costs(y, train_y, scores, bundle),
            "latency_ms": latency(test, bundle),
        },
    )
    found, where = metrics[judge.metric], f"on {len(y):,} test rows"
    print(f"evaluate: {judge.metric} {found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}] {where}")


if __name__ == "__main__":
    command(evaluate)
