"""What is predicted, how scores become answers, and how good answers are measured to be.

The kind of the contract's target decides: classes have probabilities, a threshold and costs for each outcome, numbers
have an interval and a price for each unit of error. A decision is part of the bundle, so importing one needs NumPy and
Pydantic alone; measuring imports scikit-learn when it is called.
"""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "PARITY_LIMIT",
    "AnyDecision",
    "BLIND_METRICS",
    "Baseline",
    "ClassDecision",
    "Decision",
    "EXPLAINED",
    "HIGHER_IS_BETTER",
    "Judge",
    "Metric",
    "TELLING_ROWS",
    "ValueDecision",
    "chance",
    "check_baseline",
    "check_chance",
    "check_class_weight",
    "check_latency",
    "check_minimum",
    "check_parity",
    "check_slices",
    "costs",
    "decision_type",
    "explained",
    "good_enough",
    "higher_is_better",
    "importance",
    "incomplete",
    "intervals",
    "latency",
    "members",
    "missing_shares",
    "near_copies",
    "nearly_empty",
    "new_decision",
    "outside_values",
    "primary_metric",
    "rare_classes",
    "reasons",
    "slices",
    "stale",
    "telling",
    "too_few_rows",
    "too_good",
]

if TYPE_CHECKING:
    from .checks import (
        PARITY_LIMIT,
        check_baseline,
        check_chance,
        check_latency,
        check_minimum,
        check_parity,
        check_slices,
        good_enough,
        reasons,
        too_good,
    )
    from .classes import ClassDecision
    from .decision import Decision
    from .evaluation import Baseline, chance, costs, importance, intervals, latency, members, slices
    from .formula import TELLING_ROWS
    from .judge import Judge, check_class_weight, primary_metric
    from .kinds import AnyDecision, decision_type, new_decision
    from .leakage import near_copies, telling
    from .metrics import BLIND_METRICS, EXPLAINED, HIGHER_IS_BETTER, Metric, explained, higher_is_better
    from .quality import incomplete, missing_shares, nearly_empty, outside_values, rare_classes, stale, too_few_rows
    from .values import ValueDecision
else:
    __getattr__ = lazily(
        __name__,
        checks=[
            "PARITY_LIMIT",
            "check_baseline",
            "check_chance",
            "check_latency",
            "check_minimum",
            "check_parity",
            "check_slices",
            "explained",
            "good_enough",
            "higher_is_better",
            "reasons",
            "too_good",
        ],
        classes=["ClassDecision"],
        decision=["Decision"],
        evaluation=["Baseline", "chance", "costs", "importance", "intervals", "latency", "members", "slices"],
        formula=["TELLING_ROWS"],
        judge=["Judge", "check_class_weight", "primary_metric"],
        kinds=["AnyDecision", "decision_type", "new_decision"],
        leakage=["near_copies", "telling"],
        metrics=["BLIND_METRICS", "EXPLAINED", "HIGHER_IS_BETTER", "Metric", "explained", "higher_is_better"],
        quality=[
            "incomplete",
            "missing_shares",
            "nearly_empty",
            "outside_values",
            "rare_classes",
            "stale",
            "too_few_rows",
        ],
        values=["ValueDecision"],
    )
