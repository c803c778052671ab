"""How ONNX Runtime runs a graph: on the GPU where there is one, else on the CPU."""

import logging
import time
from collections.abc import Callable

import onnxruntime

from ..settings import Device

log = logging.getLogger(__name__)

GPU, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def session(graph: bytes, device: Device = "auto") -> onnxruntime.InferenceSession:
    """A graph, ready to run, on a device. A GPU that is asked for and missing is said aloud; then it is the CPU.

    On the CPU one thread a request and no spinning: a server's cores belong to its requests. On the GPU the graph runs
    in float32 without TF32, so that both give the same numbers.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    known = device != "cpu" and GPU in onnxruntime.get_available_providers()
    if known and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA and cuDNN as PyPI packages carry them
    providers = [(GPU, {"use_tf32": "0"}), CPU] if known else [CPU]
    found = onnxruntime.InferenceSession(graph, options, providers=providers)
    if GPU not in found.get_providers() and (known or device == "gpu"):
        log.warning("ONNX Runtime finds no GPU: predictions run on the CPU")
    return found


def clock_of(session: onnxruntime.InferenceSession) -> Callable[[], float]:
    """The clock, in seconds, that tells how long a graph runs.

    On the CPU it is what a thread takes of a core, however busy the others are; a GPU takes its time beside the
    processor.
    """
    return time.perf_counter if GPU in session.get_providers() else time.thread_time
