"""How ONNX Runtime runs a graph: on the GPU, and where that cannot be used, aloud, on the CPU."""

import logging
import time

import onnxruntime

log = logging.getLogger(__name__)

clock = time.perf_counter  # the GPU takes its time beside the processor

GPU, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """The GPU where there is one; on the CPU one thread a request, as a server's cores belong to its requests.

    The graph runs in float32 without TF32, so that both give the same numbers.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA and cuDNN as PyPI packages carry them
    wanted = [(GPU, {"use_tf32": "0"}), CPU] if GPU in onnxruntime.get_available_providers() else [CPU]
    found = onnxruntime.InferenceSession(graph, options, providers=wanted)
    if GPU not in found.get_providers():
        log.warning("ONNX Runtime finds no GPU: predictions run on the CPU")
    return found
