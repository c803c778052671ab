"""Training with PyTorch: killed and started again, by two processes, with data that does not fit: the same model."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from conftest import Render, environment, run

TRAIN = ("python", "-m", "customer_model.pipeline.train")
LOSSES = """
import json, sys, torch
print(json.dumps(torch.load(sys.argv[1], weights_only=True)["losses"]))
"""
SUMS, LAST = "artifacts/candidate/SHA256SUMS", "artifacts/checkpoints/{}/last.pt"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("training")]


@pytest.fixture
def trained_network(trained_copy: Render) -> Path:
    return trained_copy(task="classification", framework="torch")


def retrain(project: Path) -> str:
    """Train from nothing; gives the digests of the bundle."""
    shutil.rmtree(project / "artifacts/checkpoints", ignore_errors=True)
    run(project, *TRAIN)
    return (project / SUMS).read_text()


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(trained_network: Path) -> None:
    project = trained_network
    longer(project)
    whole = retrain(project)
    assert retrain(project) == whole, "the same run gives other bits"
    epochs = len(losses(project, "perceptron"))
    shutil.rmtree(project / "artifacts/checkpoints")
    for kill_at in (epochs // 3, 2 * epochs // 3):
        killed_at = train_until_killed(project, kill_at)
        assert kill_at <= killed_at < epochs, f"killed after {killed_at} of {epochs} epochs"
    run(project, *TRAIN)
    assert (project / SUMS).read_text() == whole


def longer(project: Path) -> None:
    """Training that does not end before it can be killed."""
    set_shared(project, epochs=30, patience=30, batch_size=16)


def set_shared(project: Path, **values: object) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["model"]["shared"] |= values
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    tuning = project / "artifacts/tuning.json"
    tuned = json.loads(tuning.read_text())
    tuned["candidates"]["perceptron"]["hyperparameters"] |= values
    tuning.write_text(json.dumps(tuned))


def train_until_killed(project: Path, epoch: int) -> int:
    """SIGKILL once so many epochs of the candidate are done; gives the last that was saved."""
    process = subprocess.Popen(
        TRAIN, cwd=project, env=environment(project), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    last, deadline = project / LAST.format("perceptron"), time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if saved(last) >= epoch:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        time.sleep(0.005)
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    return saved(last)


def saved(last: Path) -> int:
    """Epochs in a checkpoint; the service of the test, not of the project, reads it here."""
    import torch

    return torch.load(last, weights_only=True)["epoch"] if last.exists() else 0


def losses(project: Path, candidate: str) -> list[float]:
    return json.loads(run(project, "python", "-c", LOSSES, LAST.format(candidate)).stdout)


def test_two_processes_follow_the_loss_curve_of_one(trained_network: Path) -> None:
    """The linear network has no dropout and no batch statistics, which each process draws for itself."""
    project = trained_network
    set_shared(project, epochs=8)
    retrain(project)
    alone = losses(project, "baseline")
    shutil.rmtree(project / "artifacts/checkpoints")
    distributed = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    module, stage = "customer_model.engineroom.learning.networks.distributed", "customer_model.pipeline.train"
    done = run(project, "python", *distributed, "-m", module, stage)
    assert "trained by 2 processes" in done.stdout
    together = losses(project, "baseline")
    assert len(alone) == len(together) == 8
    assert max(abs(a - b) for a, b in zip(alone, together, strict=True)) < 1e-4
    before = (project / LAST.format("perceptron")).read_bytes()
    run(project, *TRAIN)
    assert (project / LAST.format("perceptron")).read_bytes() == before, "trained anew what was trained already"


def test_data_that_does_not_fit_on_the_device_gives_the_same_model(trained_network: Path) -> None:
    """By way of loader processes; the settings are in the fingerprint only, so the weights are compared."""
    project = trained_network
    set_shared(project, epochs=3)
    retrain(project)
    resident = losses(project, "perceptron")
    set_shared(project, resident=False, workers=1)
    retrain(project)
    assert losses(project, "perceptron") == resident


@pytest.mark.parametrize("schedule", ["cosine", "plateau", "constant"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_every_schedule_and_optimizer_learns(trained_network: Path, schedule: str, optimizer: str) -> None:
    project = trained_network
    set_shared(project, epochs=4, schedule=schedule, optimizer=optimizer, learning_rate=0.01)
    retrain(project)
    curve = losses(project, "perceptron")
    assert curve[-1] < curve[0]


def test_hopeless_trials_are_ended_early(trained_network: Path) -> None:
    project = trained_network
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["tune"] |= {"trials": 8}
    params["model"]["shared"] |= {"epochs": 10, "patience": 10}
    params["model"]["candidates"] = {"perceptron": {"learning_rate": {"choices": [0.003, 1e-7]}}}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    run(project, "python", "-m", "customer_model.pipeline.tune")
    trials = json.loads((project / "artifacts/tuning.json").read_text())["candidates"]["perceptron"]["trials"]
    early = {trial["hyperparameters"]["learning_rate"] for trial in trials if trial["ended_early"]}
    assert early == {1e-7}, trials
    assert len(trials) == 8


@pytest.mark.parametrize("frozen", [True, False])
def test_a_pretrained_network_is_taken_from_a_folder(trained_copy: Render, frozen: bool) -> None:
    """A tiny ResNet stands in for one of a hub: it is loaded, trained, exported, and as good in the bundle."""
    from transformers import ResNetConfig, ResNetModel

    project = trained_copy(task="classification", modality="image", framework="torch")
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    ResNetModel(config).save_pretrained(project / "backbone")
    params = yaml.safe_load((project / "params.yaml").read_text())
    knobs = {"model": "backbone", "frozen": frozen, "epochs": 2, "batch_size": 64}
    params["model"] |= {"shared": {}, "candidates": {"pretrained": knobs}}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    tuning = {"metric": "accuracy", "candidates": {"pretrained": {"hyperparameters": knobs}}}
    (project / "artifacts/tuning.json").write_text(json.dumps(tuning))
    assert "pretrained is best of 2" in run(project, *TRAIN).stdout
    assert json.loads((project / "artifacts/training.json").read_text())["parity"] <= 1e-5


def test_a_pretrained_text_model_brings_its_own_tokenizer(trained_copy: Render) -> None:
    """A tiny BERT stands in for one of a hub."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    project = trained_copy(task="classification", modality="text", framework="torch")
    letters = [chr(code) for code in range(97, 123)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (project / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(project / "vocab.txt")).save_pretrained(project / "bert")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(project / "bert")
    params = yaml.safe_load((project / "params.yaml").read_text())
    knobs = {"model": "bert", "epochs": 1, "batch_size": 128}
    params["features"] |= {"tokenizer": "bert"}
    params["model"] |= {"shared": {}, "candidates": {"pretrained": knobs}}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    tuning = {"metric": "f1", "candidates": {"pretrained": {"hyperparameters": knobs}}}
    (project / "artifacts/tuning.json").write_text(json.dumps(tuning))
    assert "pretrained is best of 2" in run(project, *TRAIN).stdout
    assert json.loads((project / "artifacts/training.json").read_text())["parity"] <= 1e-5


def test_a_wrong_hyperparameter_is_named(trained_network: Path) -> None:
    project = trained_network
    set_shared(project, schedule="sometimes")
    done = run(project, *TRAIN, ok=False)
    assert done.returncode == 1
    assert re.search(r"params\.yaml.*schedule.*cosine", done.stderr) and "Traceback" not in done.stderr
