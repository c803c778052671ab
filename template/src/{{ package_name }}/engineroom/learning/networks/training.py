"""The training loop: early stopping, schedules, checkpoints, one process or several.

A killed run that is started again goes on from its last epoch and ends with the same weights. Every epoch draws its
batches, dropout and augmentation from a seed of its own, so the random state to restore is the number of the epoch.
Nothing here knows what is learned: networks come from the candidates, losses from `objective`.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, ReduceLROnPlateau, SequentialLR
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ...contract import ParamsError, Section
from .. import Watch
from .network import Network
from .objective import Objective

LAST, BEST = "last.pt", "best.safetensors"
FREE_SHARE = 0.5  # of the device's memory that data may take, to leave room for the network
SCORED_ROWS = 128  # at a time where no gradients are kept


class Training(Section):
    """How a network is trained; candidates in params.yaml may name any of these."""

    epochs: int = Field(40, ge=1)
    batch_size: int = Field(128, ge=1, description="records a step, over all processes")
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    patience: int = Field(8, ge=1, description="epochs without a better metric on held-out records before it stops")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto: the GPU when there is one")
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: bool = Field(False, description="torch.compile: a slow start, then faster steps")
    channels_last: bool = Field(False, description="memory format of images: faster convolutions on a GPU")
    workers: int = Field(2, ge=0, description="processes that load batches when the data does not fit on the device")
    resident: bool | None = Field(None, description="keep the data on the device; null: when it fits")


def device_of(training: Training) -> torch.device:
    """Of several GPUs, each process of a machine has its own."""
    asked = training.device
    if asked == "cpu" or (asked == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    return (
        torch.device("cuda", distributed.get_node_local_rank(0)) if asked in ("auto", "cuda") else torch.device(asked)
    )


class Records(Dataset[tuple[Tensor, Tensor]]):
    """Inputs and targets; an index is the rows of a whole batch."""

    def __init__(self, inputs: np.ndarray, y: np.ndarray) -> None:
        self.inputs, self.y = torch.from_numpy(inputs), torch.from_numpy(y)

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.inputs[rows], self.y[rows]

    def to(self, device: torch.device) -> "Records":
        self.inputs, self.y = self.inputs.to(device), self.y.to(device)
        return self


class Batches:
    """The batches of each epoch, on the device, in an order that seed and epoch fix."""

    def __init__(self, inputs: np.ndarray, y: np.ndarray, training: Training, device: torch.device, seed: int) -> None:
        self.records, self.device, self.seed = Records(inputs, y), device, seed
        self.rows, self.workers = len(y), training.workers
        self.size = min(training.batch_size, self.rows)
        self.world, self.rank = _world_and_rank()
        if self.size % self.world:
            shared = f"a batch of {self.size} records cannot be shared evenly by {self.world} processes"
            raise ParamsError(f"params.yaml: batch_size: {shared}")
        self.resident = fits(inputs.nbytes, device) if training.resident is None else training.resident
        if self.resident:
            self.records.to(device)

    def __len__(self) -> int:
        return self.rows // self.size

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """What is left over after the last full batch waits for another epoch's order."""
        order = torch.randperm(self.rows, generator=torch.Generator().manual_seed(self.seed + number))
        whole = order[: len(self) * self.size].view(len(self), self.size)[:, self.rank :: self.world]
        if self.resident:
            yield from (self.records[rows] for rows in whole.to(self.device))
            return
        loader = DataLoader(
            self.records,
            batch_size=None,
            sampler=whole,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # its own, so that loading draws nothing from the network's random numbers
        )
        for inputs, y in loader:
            yield inputs.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)


def fits(size: int, device: torch.device) -> bool:
    """Whether data of so many bytes may stay on the device."""
    return device.type != "cuda" or size < FREE_SHARE * torch.cuda.mem_get_info(device)[0]


class Trainer:
    """One network in training; its whole state can be saved after each epoch."""

    def __init__(self, network: Network, objective: Objective, training: Training, steps: int) -> None:
        self.training, self.device = training, device_of(training)
        self.network, self.objective = network.to(self.device), objective.to(self.device)
        if training.channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        forward = _parallel(self.network, self.device)
        self.forward: Callable[[Tensor], Tensor] = torch.compile(forward) if training.compile else forward
        self.optimizer = _optimizer(self.network, training)
        self.by_step = _schedule(self.optimizer, training, steps)
        self.by_epoch = ReduceLROnPlateau(self.optimizer, mode="max", patience=max(1, training.patience // 3))
        self.epoch, self.stale = 0, 0
        self.best = float("-inf")
        self.losses: list[float] = []

    @property
    def finished(self) -> bool:
        return self.epoch >= self.training.epochs or self.stale >= self.training.patience

    def run(self, batches: Batches, held_out: np.ndarray, watch: Watch, fingerprint: str) -> None:
        """Train until it is finished, from the last checkpoint where there is one; ends with the best weights."""
        best = self.resume(watch.folder, fingerprint) or _copy(self.network)
        bar = tqdm(
            initial=self.epoch, total=self.training.epochs, desc="epochs", unit=" epoch", leave=False, disable=None
        )
        with bar:
            while not self.finished:
                self.losses.append(self.learn(batches))
                value = self.agreed(watch.judge(score_of(self.network, self.objective, held_out, self.device)))
                if self.note(watch.sign * value):
                    best = _copy(self.network)
                bar.set_postfix({"loss": self.losses[-1], watch.metric: value})
                bar.update()
                self.save(watch.folder, fingerprint, best)
                watch.report(self.epoch, value)
        self.network.load_state_dict(best)

    def learn(self, batches: Batches) -> float:
        """One epoch; gives its mean loss."""
        self.network.train()
        torch.manual_seed((batches.seed + self.epoch) * batches.world + batches.rank)
        total = torch.zeros((), device=self.device)
        for inputs, y in batches.epoch(self.epoch):
            total += self.step(self.network.augment(inputs), y)
        self.epoch += 1
        if batches.world > 1:
            distributed.all_reduce(total)
        return total.item() / len(batches) / batches.world

    def step(self, inputs: Tensor, y: Tensor) -> Tensor:
        """One step of the optimizer; gives the loss before it."""
        half = self.training.precision == "bfloat16" or (
            self.training.precision == "auto" and self.device.type == "cuda"
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            logits = self.forward(inputs)
        loss = self.objective.loss(logits.float(), y).mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clip)
        self.optimizer.step()
        self.by_step.step()
        return loss.detach()

    def agreed(self, value: float) -> float:
        """The first process's value: batch statistics, and so scores, may differ between processes."""
        if _world_and_rank()[0] == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return shared.item()

    def note(self, quality: float) -> bool:
        """Whether this epoch is the best so far; higher is better."""
        if self.training.schedule == "plateau":
            self.by_epoch.step(quality)
        better = quality > self.best
        self.best, self.stale = (quality, 0) if better else (self.best, self.stale + 1)
        return better

    def save(self, folder: Path | None, fingerprint: str, best: dict[str, Tensor]) -> None:
        """Write the last and the best state; a reader meets whole files only."""
        if folder is None or _world_and_rank()[1] > 0:
            return
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / "partial"
        save_file(best, partial)
        partial.replace(folder / BEST)
        torch.save(self.state(fingerprint) | {"best_network": best}, partial)
        partial.replace(folder / LAST)

    def state(self, fingerprint: str) -> dict[str, Any]:
        return {
            "fingerprint": fingerprint,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "by_step": self.by_step.state_dict(),
            "by_epoch": self.by_epoch.state_dict(),
            "epoch": self.epoch,
            "stale": self.stale,
            "best": self.best,
            "losses": self.losses,
        }

    def resume(self, folder: Path | None, fingerprint: str) -> dict[str, Tensor] | None:
        """Take up the last state of the same run and give its best weights; None when there is none."""
        if folder is None or not (folder / LAST).exists():
            return None
        state = torch.load(folder / LAST, map_location=self.device, weights_only=True)
        if state["fingerprint"] != fingerprint:
            return None  # other data or other hyperparameters: another run
        for part in ("network", "optimizer", "by_step", "by_epoch"):
            getattr(self, part).load_state_dict(state[part])
        self.epoch, self.stale, self.best = state["epoch"], state["stale"], state["best"]
        self.losses = state["losses"]
        return state["best_network"]


def score_of(network: nn.Module, objective: Objective, inputs: np.ndarray, device: torch.device) -> np.ndarray:
    """Scores of n records, (n, classes) or (n, 1), float64, in the precision of the exported graph."""
    network.eval()
    with torch.inference_mode():
        parts = torch.from_numpy(inputs).split(SCORED_ROWS)
        return np.concatenate([objective(network(part.to(device))).cpu().numpy() for part in parts]).astype(np.float64)


def fingerprint_of(settings: str, code: str, *arrays: np.ndarray) -> str:
    """SHA-256 of what a run depends on: its settings, its code and its data."""
    found = hashlib.sha256(f"{settings} {code}".encode())
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _world_and_rank() -> tuple[int, int]:
    """Number of processes that train together, and which of them this is."""
    if not distributed.is_initialized():
        return 1, 0
    return distributed.get_world_size(), distributed.get_rank()


def _parallel(network: nn.Module, device: torch.device) -> nn.Module:
    if _world_and_rank()[0] == 1:
        return network
    if device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return DistributedDataParallel(network, find_unused_parameters=True)  # a pretrained one may have such


def _optimizer(network: nn.Module, training: Training) -> torch.optim.Optimizer:
    """Weight decay is for weights: biases and norms, which are vectors, go without."""
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": training.weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if training.optimizer == "sgd":
        return torch.optim.SGD(groups, training.learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, training.learning_rate)


def _schedule(optimizer: torch.optim.Optimizer, training: Training, steps: int) -> LRScheduler:
    """Per step: the learning rate rises, then falls with a cosine or stays."""
    total = steps * training.epochs
    rising = max(1, round(training.warmup * total))
    warm = LinearLR(optimizer, start_factor=1 / rising, total_iters=rising - 1)
    if training.schedule != "cosine":
        return warm
    return SequentialLR(optimizer, [warm, CosineAnnealingLR(optimizer, max(1, total - rising))], [rising])


def _copy(network: nn.Module) -> dict[str, Tensor]:
    """The weights as they are now, in plain layout: safetensors takes no channels-last ones."""
    plain = torch.contiguous_format
    return {name: value.detach().clone(memory_format=plain) for name, value in network.state_dict().items()}
