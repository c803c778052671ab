"""The test result in words and pictures, by the kind of the decision."""

from ..contract import Contract
from ..judging import AnyDecision, ClassDecision
from . import classes, values
from .picture import Picture


def summary(
    measured: dict[str, dict[str, float]], baseline: dict[str, float], decision: AnyDecision, contract: Contract
) -> list[str]:
    """The test result in sentences; `measured` contains value, low and high of each metric, `baseline` the dummy's."""
    if isinstance(decision, ClassDecision):
        return classes.summary(measured, baseline, decision, contract)
    return values.summary(measured, baseline, decision, contract)


def explain(decision: AnyDecision, contract: Contract) -> list[str]:
    """How scores become answers, and what these cost, in sentences."""
    if isinstance(decision, ClassDecision):
        return classes.explain(decision, contract)
    return values.explain(decision, contract)


def plots(decision: AnyDecision) -> list[Picture]:
    """The pictures of the test part."""
    return classes.plots(decision) if isinstance(decision, ClassDecision) else values.plots(decision)


def dummy(decision: AnyDecision) -> str:
    """What the best of the decision's `dummies` does, as the end of a sentence."""
    return classes.DUMMY if isinstance(decision, ClassDecision) else values.DUMMY
