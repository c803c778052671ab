"""How a model is learned: rehearsed, searched for, fitted, watched, exported. What competes is the project's.

`framework.py` says what a framework does. `estimators/` is scikit-learn's, `networks/` PyTorch's; a project imports one
of them.
"""
