"""Every estimator that params.yaml can name is exported faithfully; one that has no export is refused by name."""

import pytest
from conftest import TASKS, UNTOUCHED, Render, run

PARITY = """
import pathlib, sys
import numpy as np, onnxruntime
from types import SimpleNamespace
from customer_model.engineroom.learning.watch import Watch
from customer_model.project import learner
generator = np.random.default_rng(0)
features = generator.normal(size=(400, 6)).astype(np.float32)
signal = features[:, 0] + features[:, 1] * features[:, 2]
regression, learns = sys.argv[1] == "regression", learner()
y, kind = (signal, "continuous") if regression else (np.digitize(signal, [-1, 1]), "multiclass")
encoder, decision = SimpleNamespace(kind="table"), SimpleNamespace(kind=kind)
knobs = {"encoder": encoder, "decision": decision, "class_weight": None, "seed": 0}
model = learns.framework
watch = Watch({"features": features[300:]}, y[300:], "", judge=None, sign=1)
for name in learns.candidates:
    fitted = model.fit(learns.build(name, {}, **knobs), {"features": features[:300]}, y[:300], watch)
    output = model.export(fitted, {"features": features}, pathlib.Path(sys.argv[2]))
    found = onnxruntime.InferenceSession(sys.argv[2]).run([output], {"features": features})[0]
    error = np.abs(found - model.score(fitted, {"features": features})).max() / (1 if found.shape[1] > 1 else y.std())
    print(name, error)
    assert error <= 1e-5, (name, error)
"""

TEXTS = """
import pathlib, sys
import numpy as np, onnxruntime
from customer_model.pipeline.train import prepare
fold = prepare()
for name, options in (("linear", {"words": 2}), ("svm", {"kernel": "linear"}), ("svm", {"kernel": "rbf"})):
    fitted = fold.fit(name, options)
    output = fold.export(fitted, pathlib.Path(sys.argv[1]))
    found = onnxruntime.InferenceSession(sys.argv[1]).run([output], fold.held_out)[0]
    scores = fold.score(fitted)
    error = np.abs(found - scores).max() / (1 if found.shape[1] > 1 else fold.truth.std())
    print(name, options, error)
    assert error <= 1e-5, (name, options, error)
"""

REFUSED = """
import pathlib, sys
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import LabelSpreading
from customer_model.engineroom.learning.estimators import model
features = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
fitted = make_pipeline(LabelSpreading()).fit(features, features[:, 0] > 0)
try:
    model.export(model.Model(fitted, True), {"features": features}, pathlib.Path(sys.argv[1]))
except ValueError as error:
    print(error)
"""

BROUGHT = """
import pathlib, sys
from types import SimpleNamespace
import numpy as np, onnxruntime
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.operator_converters.linear_classifier import convert_sklearn_linear_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from customer_model.engineroom.learning.estimators import model
from customer_model.engineroom.learning.estimators.conversion import exported_by
class Mine(LogisticRegression):
    pass
def mine(seed, class_weight, wrapped):
    return CalibratedClassifierCV(Mine(), cv=2) if wrapped else Mine()
encoder, decision = SimpleNamespace(kind="table"), SimpleNamespace(kind="binary")
features = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
inputs, y, graph = {"features": features}, features[:, 0] > features[:, 1] ** 2, pathlib.Path(sys.argv[1])
for wrapped in (False, True):
    options = {"wrapped": wrapped}
    built = model.build("mine", mine, options, encoder=encoder, decision=decision, class_weight=None, seed=0)
    fitted = model.fit(built, inputs, y, None)
    try:
        print(model.export(fitted, inputs, graph))
    except ValueError as error:
        print(error)
    exported_by(
        Mine, converter=convert_sklearn_linear_classifier, shapes=calculate_linear_classifier_output_shapes
    )(mine)
    output = model.export(fitted, inputs, graph)
    found = onnxruntime.InferenceSession(graph).run([output], inputs)[0]
    print(np.abs(found - model.score(fitted, inputs)).max() < 1e-6)
"""


@pytest.mark.parametrize("task", TASKS)
def test_every_candidate_is_exported_faithfully(render: Render, task: str, tmp_path) -> None:
    program = ("python", "-W", "ignore", "-c", PARITY, task, str(tmp_path / "model.onnx"))
    shown = run(render(task=task), *program, **UNTOUCHED).stdout
    assert [line.split()[0] for line in shown.splitlines()] == ["linear", "forest", "boosting", "svm", "stack"]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_every_candidate_for_texts_is_exported_faithfully(trained: Render, task: str, tmp_path) -> None:
    program = ("python", "-W", "ignore", "-c", TEXTS, str(tmp_path / "model.onnx"))
    shown = run(trained(task=task, modality="text"), *program, **UNTOUCHED).stdout
    assert len(shown.splitlines()) == 3, shown


def test_an_estimator_without_export_is_refused_by_name(render: Render, tmp_path) -> None:
    shown = run(render(), "python", "-c", REFUSED, str(tmp_path / "model.onnx"), **UNTOUCHED).stdout
    assert "LabelSpreading cannot be exported to ONNX: skl2onnx has no converter for it" in shown


def test_a_candidate_brings_a_converter_for_its_estimator(render: Render, tmp_path) -> None:
    shown = run(render(), "python", "-W", "ignore", "-c", BROUGHT, str(tmp_path / "model.onnx"), **UNTOUCHED).stdout
    assert "Mine cannot be exported to ONNX" in shown and shown.endswith("\nTrue\nprobabilities\nTrue\n"), shown


WEIGHTS = """
import sys
from customer_model.engineroom import contract
from customer_model.engineroom.judging.judge import check_class_weight
from customer_model.engineroom.contract import ParamsError
from customer_model.engineroom.settings import Params
params = Params(model={"class_weight": sys.argv[1], "candidates": {}})
try:
    print(check_class_weight(contract.load(), params), params.model)
except ParamsError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("task", "weight", "said"),
    [
        ("classification", "balanced", "class_weight='balanced'"),
        ("classification", "fair", "params.yaml: model.class_weight: must be null or balanced (found 'fair')"),
    ]
    + [("regression", "balanced", "must be null (found 'balanced')")],
)
def test_class_weights_without_effect_are_refused(render: Render, task: str, weight: str, said: str) -> None:
    assert said in run(render(task=task), "python", "-c", WEIGHTS, weight, **UNTOUCHED).stdout
