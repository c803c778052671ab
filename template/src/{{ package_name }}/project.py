"""Puts the parts of this project together."""

from .engineroom.learning import Learner, framework_of


def learner() -> Learner:
    """What learns: the candidates of `candidates.py`. Only here are they imported, with the library that they need."""
    from .candidates import CANDIDATES, FRAMEWORK

    return Learner(framework_of(FRAMEWORK), CANDIDATES)
