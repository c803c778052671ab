"""params.yaml, read once into frozen, typed models."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from ..contract import ParamsError, Section, mistakes_of

PARAMS = Path("params.yaml")


class TuneParams(Section):
    trials: int = Field(8, ge=1, description="per candidate")
    folds: int = Field(3, ge=1, description="1: one held-out fifth of the training part")
    timeout_s: float = Field(600, gt=0, description="for all candidates together")


class ModelParams(Section):
    """Candidates by name; each hyperparameter is a value, a range {low, high, log} or {choices: [...]}."""

    class_weight: str | None = None
    shared: dict[str, Any] = Field({}, description="hyperparameters of every candidate that does not name its own")
    candidates: dict[str, dict[str, Any]]

    @property
    def spaces(self) -> dict[str, dict[str, Any]]:
        """The whole search space of each candidate."""
        return {name: self.shared | own for name, own in self.candidates.items()}


class EvaluationParams(Section):
    bootstrap: int = Field(300, ge=50, description="resamples behind each 95% interval")
    coverage: float = Field(0.9, gt=0, lt=1, description="share of values a prediction interval should hold")
    precision_at: float = Field(0.1, gt=0, le=1, description="share of records, highest probability first")
    importance_rows: int = Field(1000, ge=10)
    importance_repeats: int = Field(3, ge=1)


class LeakageParams(Section):
    """Knobs of the search for columns that give the target away."""

    threshold: float = Field(0.99, gt=0.5, le=1, description="score of one column alone that stops the pipeline")
    rows: int = Field(20_000, ge=100)


class DriftParams(Section):
    """Knobs of the drift job."""

    reference_rows: int = Field(5_000, ge=100)
    window_rows: int = Field(5_000, ge=100, description="a larger window is sampled")
    minimum_rows: int = Field(200, ge=10)
    threshold: float = Field(0.2, gt=0, description="distance at which a column counts as drifted")
    share: float = Field(0.0, ge=0, le=1, description="drift is reported above this share of drifted columns")


class Params(Section):
    """The whole of params.yaml. `features` is for the encoder to check, which depends on the contract."""

    seed: int = 42
    features: dict[str, Any] = Field({}, description="of the columns; what there is depends on the encoder")
    model: ModelParams
    tune: TuneParams = TuneParams()
    evaluation: EvaluationParams = EvaluationParams()
    leakage: LeakageParams = LeakageParams()
    drift: DriftParams = DriftParams()


def load_params(path: Path = PARAMS) -> Params:
    """Read and check params.yaml. Raises ParamsError naming the file and the key of every mistake."""
    try:
        return Params.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    except ValidationError as error:
        raise ParamsError("\n".join(f"{path}: {mistake}" for mistake in mistakes_of(error))) from None
