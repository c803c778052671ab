"""With a GPU, training and predictions run there and give what the CPU gives; without one, that is said aloud."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from customer_model.engineroom.bundle.bundle import MODEL, Bundle
from customer_model.engineroom.bundle.runtime import CPU, GPU, session
from customer_model.engineroom.contract import Contract
from customer_model.engineroom.judging.checks import PARITY_LIMIT
from customer_model.engineroom.learning.networks.training import Training, device_of

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA device on this machine")


@pytest.mark.gpu
@needs_gpu
def test_training_runs_on_the_gpu() -> None:
    assert device_of(Training()).type == "cuda"


@pytest.mark.gpu
@needs_gpu
def test_gpu_and_cpu_give_the_same_scores(bundle: Bundle, contract: Contract, records: list[dict[str, Any]]) -> None:
    columns = {name: [record[name] for record in records] for name in contract.features}
    inputs = bundle.encoder.encode(columns)
    assert GPU in bundle.session.get_providers()
    on_cpu = onnxruntime.InferenceSession(bundle.path / MODEL, providers=[CPU]).run([bundle.manifest.output], inputs)[0]
    spread = 1.0 if on_cpu.shape[1] > 1 else on_cpu.std()
    assert np.abs(bundle.run(inputs) - on_cpu).max() / spread <= PARITY_LIMIT


def test_a_missing_gpu_is_said_aloud(
    project: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    with caplog.at_level(logging.WARNING):
        found = session((project / "artifacts/bundle" / MODEL).read_bytes(), "gpu")
    assert found.get_providers() == [CPU]
    assert "run on the CPU" in caplog.text
