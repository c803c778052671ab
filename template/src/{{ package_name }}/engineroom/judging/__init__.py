"""What is predicted, how scores become answers, and how good answers are measured to be.

The kind of the contract's target decides: classes have probabilities, a threshold and costs for each outcome, numbers
have an interval and a price for each unit of error. A decision is part of the bundle, so importing one needs NumPy and
Pydantic alone; measuring imports scikit-learn when it is called.
"""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "BLIND_METRICS",
    "EXPLAINED",
    "HIGHER_IS_BETTER",
    "AnyDecision",
    "ClassDecision",
    "Decision",
    "ValueDecision",
    "decision_type",
    "new_decision",
]

if TYPE_CHECKING:
    from .classes import ClassDecision
    from .decision import Decision
    from .kinds import AnyDecision, decision_type, new_decision
    from .metrics import BLIND_METRICS, EXPLAINED, HIGHER_IS_BETTER
    from .values import ValueDecision
else:
    __getattr__ = lazily(
        __name__,
        classes=["ClassDecision"],
        decision=["Decision"],
        kinds=["AnyDecision", "decision_type", "new_decision"],
        metrics=["BLIND_METRICS", "EXPLAINED", "HIGHER_IS_BETTER"],
        values=["ValueDecision"],
    )
