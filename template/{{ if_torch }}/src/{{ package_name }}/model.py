"""Models with PyTorch: build, fit, score, export to ONNX. The loop is in `training`, the networks in `networks`."""

import inspect
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from . import network, networks, objective, training
from .bundle import EMBEDDING
from .engineroom.contract import ParamsError, mistakes_of
from .engineroom.encoding import Encoder, Framework, Inputs
from .network import Network
from .networks import COMPONENTS, NETWORKS
from .objective import Objective, outputs
from .pipeline.watch import Watch
from .task import Decision
from .training import SCORED_ROWS, Batches, Trainer, Training, device_of, fingerprint_of, score_of

FRAMEWORK: Framework = "torch"  # which takes part in the choice of the encoder
LINEAR_BASELINE = "linear"
LIBRARIES = ("torch",)
SHORT = {"epochs": 1}  # hyperparameters that shorten a rehearsal
OUTPUT = "scores"
PROJECTED_ROWS = 2_000  # enough to find the directions in which embeddings differ most

torch.backends.cudnn.allow_tf32 = False  # scores agree with the exported graph; training has bfloat16 for speed


@dataclass(frozen=True)
class Model:
    """A network and how it shall be trained."""

    description: str
    network: Network
    training: Training
    decision: Decision
    class_weight: str | None
    seed: int


@dataclass(frozen=True)
class Fitted:
    """A trained network with the objective that turns its logits into scores."""

    network: Network
    objective: Objective
    device: torch.device


def build(
    name: str,
    hyperparameters: Mapping[str, Any],
    *,
    encoder: Encoder,
    decision: Decision,
    class_weight: str | None,
    seed: int,
) -> Model:
    """A candidate of params.yaml, not yet fitted.

    Raises:
        ParamsError: when no such candidate exists or a hyperparameter is not its own.
    """
    if name not in NETWORKS:
        raise ParamsError(f"params.yaml: model.candidates: no {name!r}; there are {', '.join(NETWORKS)}")
    shared = {key: value for key, value in hyperparameters.items() if key in Training.model_fields}
    own = {key: value for key, value in hyperparameters.items() if key not in shared}
    torch.manual_seed(seed)
    try:
        how = Training.model_validate(shared)
        inspect.signature(NETWORKS[name]).bind(encoder, outputs(decision), **own)
        built = NETWORKS[name](encoder, outputs(decision), **own)
    except ValidationError as error:
        raise ParamsError(f"params.yaml: model.candidates.{name}: {'; '.join(mistakes_of(error))}") from None
    except (TypeError, ValueError) as error:
        raise ParamsError(f"params.yaml: model.candidates.{name}: {error}") from None
    return Model(f"{name} {sorted(own.items())}", built, how, decision, class_weight, seed)


def fit(model: Model, inputs: Inputs, y: np.ndarray, watch: Watch) -> Fitted:
    """Train on inputs of n records and targets (n,), as long as the watched metric gets better."""
    judged_by = Objective(model.decision, y, model.class_weight)
    array, held_out = _only(inputs), _only(watch.inputs)
    batches = Batches(array, y, model.training, device_of(model.training), model.seed)
    fingerprint = fingerprint_of(
        f"{model.description} {model.training!r} {model.class_weight} {model.seed} {watch.metric} {_code()}",
        *(array, y, held_out),
        *(value.cpu().numpy() for value in model.network.state_dict().values()),  # random or pretrained
    )
    trainer = Trainer(model.network, judged_by, model.training, len(batches))
    trainer.run(batches, held_out, watch, fingerprint)
    return Fitted(trainer.network, trainer.objective, trainer.device)


def score(fitted: Fitted, inputs: Inputs) -> np.ndarray:
    """Scores (n, classes) or (n, 1), float64."""
    return score_of(fitted.network, fitted.objective, _only(inputs), fitted.device)


def export(fitted: Fitted, inputs: Inputs, path: Path) -> str:
    """Write network and objective as an ONNX graph.

    Its second output, where `networks` asks for components, are those of the embedding. `inputs` are those it was
    fitted on. Gives the name of the scores.
    """
    name, array = next(iter(inputs.items()))
    rows = torch.from_numpy(array[:: max(1, len(array) // PROJECTED_ROWS)])
    graph = Graph(fitted.network.cpu().eval(), fitted.objective.cpu(), rows)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which nothing here needs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own deprecations
        torch.onnx.export(
            graph,
            (rows[:2],),
            path,
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=[name],
            output_names=[OUTPUT, EMBEDDING][: 1 + bool(COMPONENTS)],
            dynamic_shapes=({0: torch.export.Dim("records")},),
        )
    return OUTPUT


class Graph(nn.Module):
    """What is exported: scores, and the embedding projected on its principal components."""

    def __init__(self, network: Network, objective: Objective, rows: Tensor) -> None:
        super().__init__()
        self.network, self.objective = network, objective
        with torch.inference_mode():
            hidden = torch.cat([network.hidden(part) for part in rows.split(SCORED_ROWS)])
            mean = hidden.mean(dim=0)
            directions = torch.linalg.svd(hidden - mean, full_matrices=False).Vh[:COMPONENTS].T
        self.register_buffer("mean", mean.clone())
        self.register_buffer("directions", directions.clone().contiguous())
        self.mean: Tensor
        self.directions: Tensor

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        hidden = self.network.hidden(x)
        scores = self.objective(self.network.head(hidden))
        return (scores, (hidden - self.mean) @ self.directions) if COMPONENTS else (scores,)


def _code() -> str:
    """The source on which trained weights depend: weights of other code are another run's."""
    modules = (training, network, networks, objective)
    return "".join(inspect.getsource(module) for module in modules)


def _only(inputs: Inputs) -> np.ndarray:
    """The one array that a network takes."""
    return next(iter(inputs.values()))
