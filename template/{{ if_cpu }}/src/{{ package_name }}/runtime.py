"""How ONNX Runtime runs a graph: on the CPU."""

import time

import onnxruntime

clock = time.thread_time  # what a prediction takes of a core, however busy the other threads are


def session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """One thread a request and no spinning: a server's cores belong to its requests."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
