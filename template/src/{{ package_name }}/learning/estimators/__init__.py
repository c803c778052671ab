"""Candidates that are scikit-learn's estimators: the steps before them, fitting, export by skl2onnx."""
