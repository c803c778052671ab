"""The HTTP service: it needs the bundle, ONNX Runtime and NumPy, and nothing that trains."""
