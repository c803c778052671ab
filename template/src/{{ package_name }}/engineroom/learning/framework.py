"""What a framework does, and which one a project learns with. Its library is imported when it is chosen, not before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import ValidationError

from ..contract import ParamsError, UserError, mistakes_of
from ..encoding import Encoder, Inputs
from ..judging import Decision
from .watch import Watch

Candidates = Mapping[str, Callable[..., Any]]  # name in params.yaml -> what makes it


class Framework(Protocol):
    """A module that builds, fits, scores and exports the candidates of one library.

    Attributes:
        NAME: of the framework, which takes part in the choice of the encoder.
        LINEAR_BASELINE: name of the candidate that all others have to beat.
        LIBRARIES: packages whose versions matter to a model's numbers.
        SHORT: hyperparameters that shorten a rehearsal.
    """

    NAME: Any
    LINEAR_BASELINE: str
    LIBRARIES: tuple[str, ...]
    SHORT: dict[str, Any]

    def build(
        self,
        name: str,
        candidate: Callable[..., Any],
        hyperparameters: Mapping[str, Any],
        *,
        encoder: Encoder,
        decision: Decision,
        class_weight: str | None,
        seed: int,
    ) -> Any:
        """A candidate, not yet fitted. Raises TypeError or ValueError when a hyperparameter is not its own."""

    def fit(self, model: Any, inputs: Inputs, y: np.ndarray, watch: Watch) -> Any:
        """Fit what `build` gave on inputs of n records and targets (n,); gives the fitted model."""

    def score(self, model: Any, inputs: Inputs) -> np.ndarray:
        """Inputs of n records -> scores (n, classes) or (n, 1), float64."""

    def export(self, model: Any, inputs: Inputs, path: Path) -> str:
        """Write a fitted model as an ONNX graph; `inputs` are those it was fitted on. Gives the name of the scores.

        Raises ValueError naming what cannot be exported.
        """


def framework_of(name: str) -> Framework:
    """The framework that candidates are written for: `sklearn` or `torch`.

    Raises:
        UserError: it is another.
    """
    if name == "sklearn":
        from .estimators import model as estimators

        return estimators
    if name == "torch":
        from .networks import model as networks

        return networks
    raise UserError(f"candidates.py: FRAMEWORK: found {name!r}, allowed are 'sklearn' and 'torch'")


@dataclass(frozen=True)
class Learner:
    """What a project learns with: a framework, and the candidates that are written for it."""

    framework: Framework
    candidates: Candidates

    def build(self, name: str, hyperparameters: Mapping[str, Any], **knobs: Any) -> Any:
        """A candidate of params.yaml, not yet fitted. `knobs` are those of `Framework.build`.

        Raises:
            ParamsError: when no such candidate exists or a hyperparameter is not its own.
        """
        if name not in self.candidates:
            known = ", ".join(self.candidates)
            raise ParamsError(f"params.yaml: model.candidates: no {name!r}; candidates.py has {known}")
        try:
            return self.framework.build(name, self.candidates[name], hyperparameters, **knobs)
        except ValidationError as error:
            raise ParamsError(f"params.yaml: model.candidates.{name}: {'; '.join(mistakes_of(error))}") from None
        except (TypeError, ValueError) as error:
            raise ParamsError(f"params.yaml: model.candidates.{name}: {error}") from None
