"""Models with PyTorch: build, fit, score, export to ONNX. The loop is in `training`, networks are the project's."""

import inspect
import logging
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...bundle import COMPONENTS_OUTPUT
from ...encoding import Encoder, Framework, Inputs
from ...judging import Decision
from .. import Watch
from .network import Network
from .objective import Objective, objective_of, outputs
from .training import SCORED_ROWS, Batches, Trainer, Training, device_of, fingerprint_of, score_of

NAME: Framework = "torch"  # which takes part in the choice of the encoder
LINEAR_BASELINE = "linear"
LIBRARIES: tuple[str, ...] = ("torch",)
SHORT: dict[str, Any] = {"epochs": 1}
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
    candidate: Callable[..., Network],
    hyperparameters: Mapping[str, Any],
    *,
    encoder: Encoder,
    decision: Decision,
    class_weight: str | None,
    seed: int,
) -> Model:
    """A candidate, not yet fitted. Hyperparameters of `Training` are for the loop, all others the network's own."""
    shared = {key: value for key, value in hyperparameters.items() if key in Training.model_fields}
    own = {key: value for key, value in hyperparameters.items() if key not in shared}
    how = Training.model_validate(shared)
    torch.manual_seed(seed)
    inspect.signature(candidate).bind(encoder, outputs(decision), **own)
    built = candidate(encoder, outputs(decision), **own)
    return Model(f"{name} {sorted(own.items())}", built, how, decision, class_weight, seed)


def fit(model: Model, inputs: Inputs, y: np.ndarray, watch: Watch) -> Fitted:
    """Train on inputs of n records and targets (n,), as long as the watched metric gets better."""
    judged_by = objective_of(model.decision, y, model.class_weight)
    array, held_out = _only(inputs), _only(watch.inputs)
    batches = Batches(array, y, model.training, device_of(model.training), model.seed)
    fingerprint = fingerprint_of(
        f"{model.description} {model.training!r} {model.class_weight} {model.seed} {watch.metric}",
        _code(model.network),
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

    Its second output, where the network asks for components, are those of the embedding. `inputs` are those it was
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
            output_names=[OUTPUT, COMPONENTS_OUTPUT][: 1 + bool(fitted.network.components)],
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
            directions = torch.linalg.svd(hidden - mean, full_matrices=False).Vh[: network.components].T
        self.register_buffer("mean", mean.clone())
        self.register_buffer("directions", directions.clone().contiguous())
        self.mean: Tensor
        self.directions: Tensor

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        hidden = self.network.hidden(x)
        scores = self.objective(self.network.head(hidden))
        return (scores, (hidden - self.mean) @ self.directions) if self.network.components else (scores,)


def _code(network: Network) -> str:
    """The source on which trained weights depend: weights of other code are another run's."""
    machinery = [file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("*.py"))]
    modules = dict.fromkeys(kind.__module__ for kind in type(network).__mro__ if issubclass(kind, Network))
    return "".join([*machinery, *(inspect.getsource(sys.modules[name]) for name in modules)])


def _only(inputs: Inputs) -> np.ndarray:
    """The one array that a network takes."""
    return next(iter(inputs.values()))
