"""How candidates are parted, compared and judged, on small made tables whose answers are known."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from conftest import Module
from threadpoolctl import threadpool_limits


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads of scikit-learn that wait for each other spin: on a busy machine a fit then takes minutes."""
    import sklearn.ensemble  # noqa: F401  # brings the threads whose number is limited

    with threadpool_limits(1):
        yield


def content(metric: str = "", **columns: dict[str, Any]) -> dict[str, Any]:
    """A contract for the target y and the feature x, and more columns."""
    return {
        "problem": {"name": "made"},
        "source": {"path": "made.parquet"},
        "target": {"name": "y", "kind": "binary", "positive": "yes"},
        "columns": {"x": {"type": "number"}, "y": {"type": "category", "role": "target"}, **columns},
        "acceptance": {"metric": metric},
        "costs": {"false_negative": 20},
    }


GROUP = {"type": "category", "role": "group"}
TIME = {"type": "number", "role": "time"}


def judged(code: Module, groups: list[np.ndarray], labels: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """The intervals for a model that is right for some records and wrong for the others."""
    contract = code("engineroom.contract").parse(content("accuracy", g=GROUP), "made")
    params = code("engineroom.settings").Params(model={"candidates": {}})
    said = np.where(right, labels, 1 - labels)
    scores, evaluate = np.eye(2)[said], code("engineroom.judging.evaluation")
    judge = code("engineroom.judging.judge").Judge(
        contract, params, code("engineroom.judging").new_decision(["no", "yes"], contract)
    )
    found, gain = evaluate.intervals(labels, scores, judge, evaluate.Baseline(np.full((1, 2), 0.5), judge), groups)
    return {name: found[name] for name in ("accuracy", "recall")} | {"gain": gain}


def width(interval: dict[str, float]) -> float:
    return interval["high"] - interval["low"]


def test_intervals_are_wider_where_records_of_a_group_are_alike(code: Module) -> None:
    """Twenty groups of 25 records, and the model is right for all of a group or for none: it saw 20 cases, not 500."""
    generator = np.random.default_rng(0)
    labels, right = generator.integers(0, 2, 500), np.repeat(generator.random(20) < 0.7, 25)
    groups = np.split(np.arange(500), 20)
    by_group, by_row = judged(code, groups, labels, right), judged(code, [], labels, right)
    for name in by_row:
        assert width(by_group[name]) > 3 * width(by_row[name]), name
    assert width(by_group["accuracy"]) == pytest.approx(
        2 * 1.96 * (right.mean() * (1 - right.mean()) / 20) ** 0.5, rel=0.2
    )


def test_intervals_are_those_of_rows_where_groups_mean_nothing(code: Module) -> None:
    generator = np.random.default_rng(0)
    labels, right = generator.integers(0, 2, 500), generator.random(500) < 0.7
    by_row = judged(code, [], labels, right)
    assert judged(code, list(np.arange(500)[:, None]), labels, right) == by_row  # each record a group of its own
    assert judged(code, [np.arange(500)], labels, right) == by_row  # one group cannot tell how groups differ
    by_group = judged(code, np.split(np.arange(500), 20), labels, right)
    assert width(by_group["accuracy"]) == pytest.approx(width(by_row["accuracy"]), rel=0.35)


def test_the_rows_of_a_group_are_found_wherever_they_stand(code: Module) -> None:
    table = pa.table({"g": ["b", "a", "b", "c", "a"], "y": ["yes"] * 5, "x": [1.0, 2.0, 3.0, 4.0, 5.0]})
    evaluate, parse = code("engineroom.judging.evaluation"), code("engineroom.contract").parse
    found = evaluate.members(table, parse(content(g=GROUP), "made"))
    assert sorted(map(list, found)) == [[0, 2], [1, 4], [3]]
    ungrouped = parse(content(g=GROUP | {"role": "sensitive"}), "made")
    assert evaluate.members(table, ungrouped) == []
    copied = table.set_column(2, "x", pa.array([1.0, 2.0, 1.0, 4.0, 5.0]))  # copies are alike, too
    assert sorted(map(list, evaluate.members(copied, ungrouped))) == [[0, 2], [1], [3], [4]]


def visits(groups: int = 200, rows: int = 3_000) -> pa.Table:
    """Patients who begin one after the other and come for a while: most of a part's patients are new to it."""
    generator = np.random.default_rng(0)
    patients = generator.integers(0, groups, rows)
    times = 10.0 * patients + generator.integers(0, 300, rows)
    labels = np.where(generator.random(rows) < 0.5, "yes", "no")
    order = generator.permutation(rows)
    return pa.table({"g": [f"p{number}" for number in patients[order]], "t": times[order], "y": labels[order]})


def assert_later_and_new(table: pa.Table, earlier: np.ndarray, later: np.ndarray) -> None:
    times, groups = table.column("t").to_numpy(), np.array(table.column("g").to_pylist())
    assert len(earlier) and len(later)
    assert times[earlier].max() < times[later].min()
    assert not set(groups[earlier]) & set(groups[later])


def test_with_time_and_group_later_parts_hold_new_groups_only(code: Module) -> None:
    table, split = visits(), code("engineroom.splitting.parts")
    contract = code("engineroom.contract").parse(content(g=GROUP, t=TIME), "made")
    parts = code("pipeline.split").divide(table, contract, seed=0)[0]
    assert_later_and_new(table, parts["train"], parts["validation"])
    assert_later_and_new(table, np.concatenate([parts["train"], parts["validation"]]), parts["test"])
    assert len(parts["train"]) == pytest.approx(0.7 * table.num_rows, rel=0.01)
    split.refuse_overlap(table, parts, contract)
    fitting = table.take(parts["train"])
    for count in (1, 3):
        folds = list(split.folds(fitting, contract, split.labels_of(fitting, contract), count, seed=0))
        assert len(folds) == count
        for earlier, later in folds:
            assert_later_and_new(fitting, earlier, later)


def test_groups_that_are_always_there_leave_nothing_to_test_on(code: Module) -> None:
    """Then nobody can tell how new groups would fare, and the message says what to do."""
    table, split, error = visits(groups=2), code("engineroom.splitting.parts"), code("engineroom.stages").PipelineError
    contract = code("engineroom.contract").parse(content(g=GROUP, t=TIME), "made")
    with pytest.raises(
        error, match="validation and test part is empty: .* 'g' .* leave out role: group .* or role: time"
    ):
        split.refuse_overlap(table, code("pipeline.split").divide(table, contract, seed=0)[0], contract)
    with pytest.raises(error, match="'g': no group is new in a later fold: .*role: group"):
        list(split.folds(table, contract, split.labels_of(table, contract), 3, seed=0))


def test_a_model_of_random_labels_is_no_better_for_copies_of_its_records(
    code: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each record stands there three times, under a number of its own: whoever has seen one knows the others."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    once = {"x": generator.normal(size=500), "y": generator.choice(["no", "yes"], 500)}
    order = generator.permutation(np.repeat(np.arange(500), 3))
    table = pa.table({"nr": np.arange(1_500)} | {name: values[order] for name, values in once.items()})
    code("engineroom.reading.tables").write_table(table, Path("made.parquet"))
    Path("contract.yaml").write_text(yaml.safe_dump(content(nr={"type": "id"})))
    forest = {"n_estimators": 20, "max_depth": 30, "min_samples_leaf": 1}
    Path("params.yaml").write_text(yaml.safe_dump({"model": {"candidates": {"forest": forest}}, "tune": {"folds": 3}}))
    for stage in ("ingest", "split", "tune", "train", "evaluate"):
        getattr(code(f"pipeline.{stage}"), stage)()
    score = artifact("evaluation")["metrics"]["roc_auc"]
    assert 0.35 < score["value"] < 0.65 and score["low"] < 0.5 < score["high"]
    assert 0.35 < artifact("tuning")["candidates"]["forest"]["score"] < 0.65  # the folds of the search tear none apart
    notices = artifact("split")["notices"]
    assert notices == ["1,000 records repeat the features of another; equal ones are in one part"]
    assert f"split: note: {notices[0]}" in capsys.readouterr().out


def test_own_markers_of_missing_values_are_missing_to_everybody(
    code: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("made.csv").write_text("x,c,y\n1.5,k.A.,yes\n-999,red,no\nk.A.,blue,k.A.\n2,green,no\n")
    columns = {"x": {"type": "number", "nullable": True}, "c": {"type": "category", "nullable": True}}
    made = content(**columns) | {"source": {"path": "made.csv", "missing": ["k.A.", -999]}}
    contract = code("engineroom.contract").parse(made, "made")
    _, table = code("engineroom.reading.ingestion").read_typed(contract)
    typed = {"x": [1.5, None, None, 2.0], "c": [None, "red", "blue", "green"], "y": ["yes", "no", None, "no"]}
    assert table.to_pydict() == typed
    reader = code("engineroom.reading.reader").Reader(contract)
    missing = {"x": None, "c": None}
    for record in ({"x": -999, "c": "k.A."}, {"x": -999.0, "c": " k.A. "}, {"x": "k.A.", "c": None}, {}):
        assert reader.one(record) == (missing, [])
        assert (reader.plain(json.dumps(record).encode()) or missing) == missing
    assert reader.one({"x": 999, "c": "red"})[0] == {"x": 999.0, "c": "red"}
    del typed["y"]
    assert code("engineroom.monitoring.window").file_columns(Path("made.csv"), contract, most=10) == typed


def few_of_a_class(number: int, same: bool = False) -> pa.Table:
    """So many records of the class -, which may equal each other."""
    x = np.arange(400.0)
    x[:number] = 0.0 if same else x[:number]
    return pa.table({"x": x, "y": (["-"] * number + ["yes", "no"] * 200)[:400]})


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize(("number", "same"), [(1, False), (4, True)])
def test_a_class_too_rare_to_part_is_named_with_what_helps(
    code: Module, number: int, same: bool, stratify: bool
) -> None:
    split, table = code("engineroom.splitting.parts"), few_of_a_class(number, same)
    target = {"name": "y", "kind": "multiclass"}
    made = content() | {"target": target, "split": {"stratify": stratify}}
    contract = code("engineroom.contract").parse(made, "made")
    with pytest.raises(code("engineroom.stages").PipelineError, match="class '-'") as caught:
        split.refuse_missing_classes(table, code("pipeline.split").divide(table, contract, seed=0)[0], contract)
    said = str(caught.value)
    assert ("source.missing" in said) == stratify and ("set split.stratify to true" in said) != stratify
    found = code("engineroom.judging.quality").rare_classes(table.to_pandas(), contract)
    assert (len(found), "1 record(s) of class '-': each part" in "".join(found)) == (
        (1, True) if number == 1 else (0, False)
    )


def test_a_class_too_rare_to_part_stops_before_anything_is_fitted(
    code: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.chdir(tmp_path)
    code("engineroom.reading.tables").write_table(few_of_a_class(2), Path("data/clean.parquet"))
    made = content() | {"target": {"name": "y", "kind": "multiclass"}}
    Path("contract.yaml").write_text(yaml.safe_dump(made))
    Path("params.yaml").write_text(yaml.safe_dump({"model": {"candidates": {}}}))
    with pytest.raises(code("engineroom.stages").PipelineError, match="2 record.s. of class '-'"):
        code("pipeline.validate").validate()
    assert not recwarn.list


def copies(rows: int = 4_000) -> pa.Table:
    """Texts, pictures and gaps, of which every fourth record is a copy, and the commonest has five percent."""
    generator = np.random.default_rng(0)
    source = np.where(np.arange(rows) % 4 == 3, np.arange(rows) - 3, np.arange(rows))
    source[generator.random(rows) < 0.05] = 0
    return pa.table(
        {
            "x": pa.array([None if i % 7 == 0 else float(i) for i in source]),
            "s": [f"text {i}" for i in source],
            "p": pa.array([f"picture {i}".encode() for i in source], pa.large_binary()),
            "y": np.where(source % 5 == 0, "yes", "no"),
            "g": [f"g{i % 50}" for i in range(rows)],
            "t": np.arange(rows, dtype=float),
        }
    )


def test_equal_records_stay_together_but_for_the_usual_ones(code: Module) -> None:
    table, split, parse = copies(), code("engineroom.splitting.parts"), code("engineroom.contract").parse
    contract = parse(content(s={"type": "text"}, p={"type": "image"}), "made")
    texts, parts = np.array(table.column("s").to_pylist()), code("pipeline.split").divide(table, contract, seed=0)[0]
    usual, yes = texts == "text 0", table.column("y").to_numpy() == "yes"
    assert np.sort(np.concatenate(list(parts.values()))).tolist() == list(range(table.num_rows))
    for name, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
        rows = parts[name]
        assert len(rows) == pytest.approx(share * table.num_rows, rel=0.05)
        assert yes[rows].mean() == pytest.approx(yes.mean(), abs=0.02)
        assert usual[rows].mean() == pytest.approx(usual.mean(), abs=0.02)
        assert set(texts[rows]) & set(texts[~np.isin(np.arange(len(texts)), rows)]) == {"text 0"}
    [said] = split.repeated_records(split.equal_records(table, contract), parts)
    assert f"{int(usual[parts['test']].sum())} of {len(parts['test'])} in the test part equal one" in said


@pytest.mark.parametrize("role", [{"g": GROUP}, {"t": TIME}, {"t": TIME | {"role": ["time", "feature"]}}])
def test_copies_in_another_group_or_at_another_time_are_counted(code: Module, role: dict[str, Any]) -> None:
    table, split = copies(), code("engineroom.splitting.parts")
    contract = code("engineroom.contract").parse(content(s={"type": "text"}, **role), "made")
    parts = code("pipeline.split").divide(table, contract, seed=0)[0]
    texts, later = np.array(table.column("s").to_pylist()), parts["validation"]
    known = np.isin(texts[later], texts[parts["train"]]).sum()
    [said] = split.repeated_records(split.equal_records(table, contract), parts)
    assert known and f"{known} of {len(later)} in the validation part equal one of an earlier part" in said
    assert "if these are copies, the score is too good" in said


def rare(rows: int, seed: int) -> pa.Table:
    """One record in twenty is positive, and none is sure to be: no probability comes near 0.5."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=rows)
    positive = generator.random(rows) < 0.05 * np.exp(0.9 * x - 0.4)
    return pa.table({"x": x, "y": np.where(positive, "yes", "no")})


Run = Callable[[dict[str, Any], dict[str, Any]], None]


@pytest.fixture
def run_on_rare(code: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Tunes, trains and evaluates on `rare` under a contract and the section `model` of the parameters."""

    def run(contract: dict[str, Any], model: dict[str, Any]) -> None:
        monkeypatch.chdir(tmp_path)
        Path("contract.yaml").write_text(yaml.safe_dump(contract))
        Path("params.yaml").write_text(yaml.safe_dump({"model": model, "tune": {"folds": 2}}))
        for seed, part in enumerate(("train", "validation", "test")):
            code("engineroom.reading.tables").write_table(rare(2_000, seed), Path(f"data/parts/{part}.parquet"))
        code("engineroom.artifacts").write_json(Path("artifacts/ingest.json"), {"data_sha256": ""})
        for stage in ("tune", "train", "evaluate"):
            getattr(code(f"pipeline.{stage}"), stage)()

    return run


def artifact(name: str) -> Any:
    return json.loads(Path(f"artifacts/{name}.json").read_text())


def test_candidates_are_compared_at_the_threshold_that_they_would_get(run_on_rare: Run) -> None:
    """At 0.5 neither finds a positive record, so that F1 is 0 for both; one of them does not look at x at all."""
    blind, seeing = {"n_estimators": 5, "max_depth": 1, "min_samples_leaf": 1_400}, {"strength": 1.0}
    run_on_rare(content("f1"), {"candidates": {"forest": blind, "linear": seeing}})
    tuned, training = artifact("tuning")["candidates"], artifact("training")
    scores = {name: found["f1"] for name, found in training["validation"].items()}
    assert tuned["linear"]["score"] > tuned["forest"]["score"] > 0
    assert training["chosen"] == "linear" and scores["linear"] > 1.2 * scores["forest"] > 0
    assert training["decision"]["threshold"] < 0.3


def test_the_baseline_decides_as_well_as_it_can(run_on_rare: Run) -> None:
    """With balanced weights the model's threshold is far above the share of positives, at which missing all of them
    would be the baseline's lot; taking all for positive is cheaper, and known from the training part."""
    contract = content("cost_per_record") | {"costs": {"false_negative": 60}}
    run_on_rare(contract, {"candidates": {"linear": {}}, "class_weight": "balanced"})
    found, share = artifact("evaluation"), np.mean(rare(2_000, 2).column("y").to_numpy() == "yes")
    assert artifact("training")["decision"]["threshold"] > 2 * share
    assert found["baseline"]["cost_per_record"] == pytest.approx(1 - share)
    value = found["metrics"]["cost_per_record"]["value"]
    assert found["gain_over_baseline"]["value"] == pytest.approx(1 - share - value, abs=0.02)


def candidates(code: Module, monkeypatch: pytest.MonkeyPatch, **estimators: Callable[..., Any]) -> None:
    """More estimators than there are, as a user would add them."""
    for name, make in estimators.items():
        made = lambda seed, class_weight, make=make, **options: make(**options)  # noqa: E731
        monkeypatch.setitem(code("candidates").CANDIDATES, name, made)


@pytest.mark.usefixtures("one_thread")
def test_a_candidate_without_export_is_named_before_anything_is_searched(
    code: Module, run_on_rare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.semi_supervised import LabelSpreading

    candidates(code, monkeypatch, mine=LabelSpreading, near=KNeighborsClassifier)
    monkeypatch.setattr(code("pipeline.tune"), "search_space", lambda *_: pytest.fail("searched first"))
    near = {"n_neighbors": 400}  # more than a few records: that it fails on those is not held against it
    with pytest.raises(code("engineroom.contract").ParamsError) as refused:
        run_on_rare(content(), {"candidates": {"linear": {}, "mine": {}, "near": near}})
    said = str(refused.value)
    assert "params.yaml: model.candidates: mine: LabelSpreading cannot be exported to ONNX" in said
    assert said.endswith("candidates that can be exported: linear, near")


@pytest.mark.usefixtures("one_thread")
def test_a_candidate_whose_graph_is_another_model_is_named(code: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Native categories of boosted trees are exported as if they were numbers, without a word."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    candidates(code, monkeypatch, mine=partial(HistGradientBoostingClassifier, categorical_features=[0]))
    contract = code("engineroom.contract").parse(content(), "made")
    params = code("engineroom.settings").Params(model={"candidates": {}})
    judge = code("engineroom.judging.judge").Judge(
        contract, params, code("engineroom.judging").new_decision(["no", "yes"], contract)
    )
    features = np.random.default_rng(0).integers(0, 9, (400, 1)).astype(np.float32)
    inputs, y, encoder = {"features": features}, (features[:, 0] % 2).astype(int), SimpleNamespace(kind="table")
    fold = code("engineroom.learning.fold").Fold(code("project").learner(), judge, encoder, inputs, y, inputs, y)
    rehearse = code("engineroom.learning.rehearsal").rehearse
    rehearse({"boosting": [{}], "linear": [{}]}, fold)
    with pytest.raises(
        code("engineroom.contract").ParamsError, match=r"mine: its ONNX graph gives other scores .* boosting$"
    ):
        rehearse({"boosting": [{}], "mine": [{}]}, fold)


def test_a_search_begins_in_the_middle_and_each_named_choice_is_tried_for_its_export(code: Module) -> None:
    search = code("engineroom.learning.search")
    space = {"C": {"low": 0.1, "high": 10, "log": True}, "leaves": {"low": 2, "high": 5}, "kernel": "rbf"}
    assert search.middle(space) == {"C": 1.0, "leaves": 4, "kernel": "rbf"}
    kernels = {"kernel": {"choices": ["rbf", "linear"]}, "width": {"choices": [1, 2, 3]}}
    assert list(search.corners(kernels)) == [{"kernel": "linear", "width": 2}, {"kernel": "rbf", "width": 2}]


@pytest.mark.parametrize(("late", "found"), [("most", 1.0), ("all", 90.0)])
def test_speed_is_the_model_s_and_not_that_of_a_busy_machine(
    code: Module, monkeypatch: pytest.MonkeyPatch, late: str, found: float
) -> None:
    """A clock of our own: a prediction takes 1 ms, and 90 where something else held it up, in all rounds but one."""
    evaluate, now, calls = code("engineroom.judging.evaluation"), [0.0], [0]

    def predicted(record: object) -> None:
        calls[0] += 1
        now[0] += 0.001 if late == "most" and calls[0] > 5 * (evaluate.LATENCY_ROUNDS - 1) else 0.090

    monkeypatch.setattr(evaluate, "clock_of", lambda _: lambda: now[0])
    contract = code("engineroom.contract").parse(content(), "made")
    decision = SimpleNamespace(answer=lambda _: None)
    bundle = SimpleNamespace(contract=contract, scores_one=predicted, decision=decision, session=None)
    latency = evaluate.latency(rare(5, 0), bundle)
    assert latency == {"p50": pytest.approx(found), "p95": pytest.approx(found)}


def test_time_spent_waiting_is_not_a_prediction_s(code: Module) -> None:
    """A machine that is busy with something else makes a prediction wait; a bundle that sleeps stands in for it."""
    contract, answers = code("engineroom.contract").parse(content(), "made"), SimpleNamespace(answer=lambda _: None)
    session = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    bundle = SimpleNamespace(
        contract=contract, scores_one=lambda _: time.sleep(0.06), decision=answers, session=session
    )
    evaluation = {"latency_ms": code("engineroom.judging.evaluation").latency(rare(5, 0), bundle)}
    assert code("engineroom.judging.checks").check_latency(contract, evaluation)["passed"], evaluation


CLASSES = ("roc_auc", "average_precision", "accuracy", "balanced_accuracy", "precision", "recall", "f1")
CLASSES += ("log_loss", "brier", "cost_per_record")
OF_TWO = (*CLASSES, "specificity", "precision_at_k")
NUMBERS = ("rmse", "mae", "r2", "mape", "cost_per_record")
METRICS = [("binary", name) for name in OF_TWO] + [("multiclass", name) for name in CLASSES]
METRICS += [("continuous", name) for name in NUMBERS]
SHARES = {"binary": [0.77, 0.23], "multiclass": [0.6, 0.3, 0.1]}
LABELS = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c")}


def judge_of(code: Module, kind: str, metric: str, costs: dict[str, float]) -> Any:
    """A judge under a contract whose margin is the one that a first contract would get."""
    targets = LABELS.get(kind, np.exp(np.random.default_rng(0).normal(size=501)))
    target = {"name": "y", "kind": kind} | ({"positive": "yes"} if kind == "binary" else {})
    profile = code("engineroom.drafting.profile").Profile("y", {}, list(targets))
    draft = code("engineroom.drafting.draft").Draft(
        source=None, target=target, profiles=[profile], rows=501, repeated=0, duplicates="keep"
    )
    margin = draft.margin if metric in ("rmse", "mae", "cost_per_record") else min(draft.margin, 0.01)
    typed = {"type": "number" if kind == "continuous" else "category", "role": "target"}
    made = content(y=typed) | {"target": target, "costs": costs, "acceptance": {"metric": metric, "margin": margin}}
    assert margin > 0
    contract = code("engineroom.contract").parse(made, "made")
    params = code("engineroom.settings").Params(model={"candidates": {}})
    return code("engineroom.judging.judge").Judge(
        contract, params, code("engineroom.judging").new_decision(targets, contract)
    )


def drawn(kind: str, rows: int, signal: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Targets and scores, which know of them what the signal says; without one they were drawn apart."""
    if kind == "continuous":
        y = np.exp(generator.normal(size=rows))
        return y, (y.mean() + signal * (y - y.mean()) + 0.3 * generator.normal(size=rows))[:, np.newaxis]
    shares = np.array(SHARES[kind])
    y = generator.choice(len(shares), rows, p=shares)
    odds = np.log(shares) + 0.7 * generator.normal(size=(rows, len(shares))) + signal * np.eye(len(shares))[y]
    return y, np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)


def passes(code: Module, judge: Any, kind: str, signal: float, seed: int) -> bool:
    """Whether the gate takes a model for better than one that knows nothing: 700, 150 and 150 records."""
    evaluate, gate, generator = (
        code("engineroom.judging.evaluation"),
        code("engineroom.judging.checks"),
        np.random.default_rng(seed),
    )
    (train, _), *later = (drawn(kind, rows, signal, generator) for rows in (700, 150, 150))
    y, scores = later[1]
    judge = judge.fitted(*later[0])
    luck = evaluate.chance(y, scores, judge, [])
    if not gate.check_chance({"chance": luck})["passed"]:
        return False
    baseline = evaluate.Baseline.of(judge.dummy(train), y, judge, luck["mean"])
    _, gain = evaluate.intervals(y, scores, judge, baseline, [])
    return bool(
        gate.check_baseline(judge.contract, {"metric": judge.metric, "own_metrics": {}, "gain_over_baseline": gain})[
            "passed"
        ]
    )


STATED = {"false_negative": 8, "true_positive": 1, "under": 3}


def test_a_model_of_random_labels_passes_the_gate_once_in_a_hundred_times_at_most(
    code: Module, code_of_numbers: Module
) -> None:
    """Scores drawn without a look at the targets, under each metric, with costs that move the threshold."""
    times, passed = 100, {}
    for kind, metric in METRICS:
        tested = code_of_numbers if kind == "continuous" else code
        judge = judge_of(tested, kind, metric, STATED)
        passed[kind, metric] = sum(passes(tested, judge, kind, 0.0, seed) for seed in range(1_000, 1_000 + times))
    assert max(passed.values()) <= 0.03 * times and sum(passed.values()) <= 0.01 * times * len(passed), passed


@pytest.mark.parametrize(("kind", "metric"), METRICS)
def test_a_model_that_knows_something_passes_under_each_metric(
    code: Module, code_of_numbers: Module, kind: str, metric: str
) -> None:
    tested = code_of_numbers if kind == "continuous" else code
    judge = judge_of(tested, kind, metric, {})
    assert passes(tested, judge, kind, 0.9 if kind == "continuous" else 3.0, seed=0)


def test_the_baseline_is_as_good_as_one_that_knows_nothing_can_be(code: Module, code_of_numbers: Module) -> None:
    """In the metric that decides, whatever the costs: they would have it flag every record here."""
    generator = np.random.default_rng(0)
    y = np.repeat([0, 1], [77, 23])
    reached = {"accuracy": 0.77, "f1": 2 * 0.23 / 1.23, "precision": 0.23, "cost_per_record": 0.77 + 0.23}
    for metric, value in reached.items():
        judge = judge_of(code, "binary", metric, STATED)
        assert code("engineroom.judging").Baseline.of(judge.dummy(y), y, judge, blind=0.0).primary(y) == pytest.approx(
            value
        ), metric
    recall = judge_of(code, "binary", "recall", STATED)
    assert code("engineroom.judging").Baseline.of(recall.dummy(y), y, recall, blind=0.4).primary(y) == 0.4
    values = np.exp(generator.normal(size=501))
    for metric in NUMBERS:
        judge = judge_of(code_of_numbers, "continuous", metric, STATED)
        constants = np.quantile(values, np.linspace(0, 1, 501))
        best = max(judge.sign * judge.primary(values, np.full((501, 1), value)) for value in constants)
        baseline = code_of_numbers("engineroom.judging.evaluation").Baseline.of(
            judge.dummy(values), values, judge, blind=0.0
        )
        assert judge.sign * baseline.primary(values) >= best - 1e-12, metric


def own_metric(code: Module, function: Any, kind: str = "binary", **more: Any) -> Any:
    """A judge whose primary metric is a function of the project's own."""
    metric = code("engineroom.judging").Metric("Ours", "in EUR", function, **more)
    judge = judge_of(code, kind, "", {})
    acceptance = judge.contract.acceptance.model_copy(update={"metric": "ours"})
    return replace(judge, contract=judge.contract.model_copy(update={"acceptance": acceptance}), own={"ours": metric})


def test_a_metric_of_ones_own_sees_the_columns_of_the_records_that_it_judges(code: Module) -> None:
    """Whatever rows are drawn, and in whatever order: truth and columns are of the same records."""
    evaluate, seen = code("engineroom.judging.evaluation"), list[int]()

    def matched(truth: np.ndarray, scores: np.ndarray, columns: Mapping[str, np.ndarray]) -> float:
        assert list(truth) == list(columns["y"]) and len(scores) == len(truth) == len(columns["x"])
        seen.append(len(truth))
        return float(scores[truth == "yes", 1].mean()) if "yes" in truth else float("nan")

    generator = np.random.default_rng(0)
    y = generator.choice(2, 400, p=[0.7, 0.3])
    part = pa.table({"x": generator.normal(size=400), "y": np.array(["no", "yes"])[y]})
    scores = np.stack([1 - 0.1 - 0.8 * y, 0.1 + 0.8 * y], axis=1)
    judge = own_metric(code, matched).on(part)
    luck = evaluate.chance(y, scores, judge, [])
    baseline = evaluate.Baseline.of(judge.dummy(y), y, judge, luck["mean"])
    metrics, gain = evaluate.intervals(y, scores, judge, baseline, [])
    assert metrics["ours"]["value"] == pytest.approx(0.9) and "roc_auc" in metrics and len(seen) > 500
    assert baseline.primary(y) == 1.0, "who flags everybody has a score of 1, and counts"
    assert gain["high"] < 0


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda *_: {}["gone"], "metrics.py: ours: KeyError: 'gone'"),
        (lambda *_: float("inf"), "metrics.py: ours: found inf, expected a finite number"),
        (lambda *_: "many", "metrics.py: ours: ValueError: could not convert"),
        (lambda *_: float("nan"), "'ours' cannot be measured on these records"),
    ],
)
def test_a_metric_of_ones_own_that_fails_is_named(code: Module, function: Any, said: str) -> None:
    judge = own_metric(code, function)
    with pytest.raises(code("engineroom.stages").PipelineError, match=re.escape(said)):
        judge.primary(np.array([0, 1]), np.eye(2))


def test_less_of_a_metric_of_ones_own_may_be_better(code: Module) -> None:
    assert own_metric(code, lambda *_: 1.0, higher_is_better=False).sign == -1
    assert own_metric(code, lambda *_: 1.0).sign == 1


def test_a_metric_of_ones_own_has_a_name_of_its_own(code: Module) -> None:
    judge = own_metric(code, lambda *_: 1.0)
    with pytest.raises(code("engineroom.stages").PipelineError, match=r"metrics\.py: 'rmse' is a standard metric"):
        code("engineroom.judging").primary_metric(judge.contract, {"rmse": judge.own["ours"]})


def test_whole_groups_are_shuffled(code: Module) -> None:
    """Twenty groups of equal targets, whose answers are equal, too, but by chance: row by row that looks like skill."""
    evaluate, judge = code("engineroom.judging.evaluation"), judge_of(code, "binary", "roc_auc", {})
    groups, lucky = np.split(np.arange(600), 20), {"rows": 0, "groups": 0}
    for seed in range(60):
        generator = np.random.default_rng(seed)
        y, score = np.repeat(generator.permutation(np.arange(20) % 2), 30), np.repeat(generator.random(20), 30)
        scores = np.column_stack([1 - score, score])
        for name, alike in (("rows", []), ("groups", groups)):
            lucky[name] += not evaluate.chance(y, scores, judge, alike)["as_good"]
    assert lucky["rows"] > 10 and lucky["groups"] <= 2


def test_the_order_of_equal_probabilities_means_nothing(code: Module) -> None:
    judge = judge_of(code, "binary", "precision_at_k", {})
    y, scores = np.array([1] * 10 + [0] * 90), np.full((100, 2), 0.5)
    assert judge.primary(y, scores) == judge.primary(y[::-1], scores) == pytest.approx(0.1)
    scores[:5, 1] = 0.9
    assert judge.primary(y, scores) == pytest.approx((5 + 5 * 5 / 95) / 10)


def test_a_margin_that_a_metric_cannot_reach_is_refused(code: Module) -> None:
    made = content() | {"acceptance": {"metric": "f1", "margin": 1200}}
    with pytest.raises(code("engineroom.stages").PipelineError, match="found 1200, but f1 is at most 1: .*change both"):
        code("engineroom.judging.judge").primary_metric(code("engineroom.contract").parse(made, "made"))


def test_each_class_is_told_by_itself_and_a_rare_one_is_not_judged(code: Module) -> None:
    report, decision_of = code("engineroom.reporting.documents"), code("engineroom.judging").ClassDecision
    decision = decision_of(kind="multiclass", classes=("a", "b", "c"))
    y, said = np.repeat([0, 1, 2], [30, 20, 19]), np.repeat([0, 1, 0], [40, 10, 19])
    parts = {"train": np.repeat([0, 1, 2], [5, 4, 3]), "test": y}
    a, b, c = classes = decision.by_class(parts, np.eye(3)[said])
    assert (a["precision"], a["recall"]) == (30 / 59, 1) and (b["precision"], b["recall"]) == (1, 0.5)
    assert (c["precision"], c["recall"]) == (None, 0) and c["rows"] == {"train": 3, "test": 19}
    [sentence] = report.hardly_tested(classes)
    assert sentence.endswith("how well these classes are told: c (19).")
    assert report.hardly_tested(classes[:2]) == []


def test_costs_of_the_report_add_up(code: Module) -> None:
    def shown(without: float, model: float) -> dict[str, str]:
        costs = {"without_model": without, "with_model": model, "saving_per_1000": without - model}
        return code("engineroom.reporting.documents").per_1000(costs, 1000)

    assert shown(216.4, 114.6) == {"without": "216", "model": "115", "saving": "101"}
    assert shown(12_345, 12_100) == {"without": "12,345", "model": "12,100", "saving": "245"}
    assert shown(0.5, 1.25) == {"without": "0.500", "model": "1.250", "saving": "-0.750"}
    assert shown(1.0, 1.0)["saving"] == "0.00"


def tables() -> dict[str, tuple[dict[str, np.ndarray], np.ndarray]]:
    """Columns and a target: one with a long tail that comes from a column's, one with 200 levels that all matter."""
    generator, rows = np.random.default_rng(0), 6_000
    income, other = generator.pareto(1.8, rows) * 20_000, generator.standard_t(2, rows)
    level, x = generator.integers(0, 200, rows), generator.normal(size=rows)
    effect = generator.normal(0, 3, 200)
    return {
        "long tails": (
            {"a": income, "b": other},
            income * (1 + 0.3 * np.sin(other)) + 1_000 * generator.normal(size=rows),
        ),
        "many levels": (
            {"a": level.astype(str).astype(object), "b": x},
            effect[level] + x + generator.normal(size=rows),
        ),
    }


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["long tails", "many levels"])
def test_boosted_trees_learn_as_much_from_encoded_columns_as_from_raw_ones(code: Module, name: str) -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    columns, y = tables()[name]
    kinds = {"a": {"type": "number" if columns["a"].dtype == float else "category"}, "b": {"type": "number"}}
    target = {"name": "y", "kind": "continuous"}
    stated = content() | {"target": target, "columns": kinds | {"y": {"type": "number", "role": "target"}}}
    encoding, train = code("engineroom.encoding").TableEncoder, slice(0, 4_000)
    fitting = {name: values[train] for name, values in columns.items()}
    encoder = encoding.fit(fitting, code("engineroom.contract").parse(stated, "made"), encoding.Params())

    def error(features: np.ndarray) -> float:
        model = HistGradientBoostingRegressor(max_iter=150, learning_rate=0.08).fit(features[train], y[train])
        return float(np.sqrt(((model.predict(features[4_000:]) - y[4_000:]) ** 2).mean()))

    encoded = encoder.encode(columns)["features"]
    raw = np.column_stack([columns["a"].astype(float), columns["b"]])
    assert error(encoded) < 1.1 * error(raw)
    records = [{key: values[row] for key, values in columns.items()} for row in range(0, 6_000, 7)]
    single = np.concatenate([encoder.encode_one(record)["features"] for record in records])
    assert np.array_equal(single, encoded[::7])


def unencoded(kind: str) -> dict[str, Any]:
    """What a candidate is built with where its inputs are numbers as they are."""
    return {
        "encoder": SimpleNamespace(kind="table"),
        "decision": SimpleNamespace(kind=kind),
        "class_weight": None,
        "seed": 0,
    }


@pytest.mark.usefixtures("one_thread")
def test_trees_are_added_until_held_out_records_gain_no_more(code: Module) -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(600, 3)).astype(np.float32)
    y = (features[:, 0] + generator.normal(size=600) > 0).astype(int)
    learns, watch = code("project").learner(), code("engineroom.learning.watch").Watch
    inputs, held_out = {"features": features[:300]}, {"features": features[300:]}
    trees = {}
    for name, truth in {"learned": y[300:], "not learned": 1 - y[300:]}.items():
        built = learns.build("boosting", {}, **unencoded("binary"))
        fitted = learns.framework.fit(built, inputs, y[:300], watch(held_out, truth, "", judge=None, sign=1))
        trees[name] = fitted.pipeline[-1].n_iter_
    assert trees["not learned"] == 20 < trees["learned"] < 1_000, trees


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["boosting", "stack"])
def test_values_next_to_each_other_are_told_apart_in_the_graph(
    code_of_numbers: Module, tmp_path: Path, name: str
) -> None:
    """A threshold between them has no float32 of its own: rounded to the nearest, it moved half of the records."""
    learns, watch = code_of_numbers("project").learner(), code_of_numbers("engineroom.learning.watch").Watch
    model = learns.framework
    values = [np.float32(1)]
    while len(values) < 8:
        values.append(np.nextafter(values[-1], np.float32(2)))
    which = np.random.default_rng(0).integers(8, size=400)
    inputs, y = {"features": np.array(values)[which].reshape(-1, 1)}, 5.0 * (which % 3)
    built = learns.build(name, {}, **unencoded("continuous"))
    fitted = model.fit(built, inputs, y, watch(inputs, y, "", judge=None, sign=1))
    output = model.export(fitted, inputs, tmp_path / "model.onnx")
    [graphs] = (
        code_of_numbers("engineroom.bundle").session((tmp_path / "model.onnx").read_bytes()).run([output], inputs)
    )
    assert np.ptp(graphs) > 5 and np.allclose(graphs, model.score(fitted, inputs), atol=1e-4)


def test_dropping_equal_records_is_in_doubt_where_it_took_many_or_moved_the_target(
    code: Module, code_of_numbers: Module
) -> None:
    """Counts of equal records are the data where nothing tells people apart: dropping leaves one of each answer."""

    def said(code: Module, kind: str, y: list[Any], x: list[float]) -> list[str]:
        typed = {"type": "number" if kind == "continuous" else "category", "role": "target"}
        target = {"name": "y", "kind": kind} | ({"positive": "yes"} if kind == "binary" else {})
        contract = code("engineroom.contract").parse(content(y=typed) | {"target": target}, "made")
        whole, ingest = pa.table({"x": x, "y": y}), code("engineroom.reading.ingestion")
        return ingest.effect_of_dropping(whole, ingest.drop_duplicates(whole, contract)[0], contract)

    answers = ["yes"] * 20 + ["no"] * 80
    [narrow] = said(code, "binary", answers * 10, [1.0, 2.0] * 500)
    assert "996 of 1,000 records equal another" in narrow and "went from 20% to 50%" in narrow
    assert "set quality.duplicates: keep" in narrow
    [moved] = said(code, "binary", answers * 10, [*range(900), *([0.0] * 20), *range(920, 1_000)])  # 2%, all yes
    assert "20 of 1,000" in moved
    assert not said(code, "binary", answers * 10, [*range(995), *range(5)])  # a few, as exports overlap
    assert not said(code, "binary", answers * 10, list(range(1_000)))
    [other] = said(code, "binary", [f"{answer}!" for answer in answers * 10], [1.0, 2.0] * 500)
    assert "the share of 'no!' went from 80% to 50%" in other, "the contract's positive class is not in the data"
    [mean] = said(code_of_numbers, "continuous", [1.0] * 900 + [2.0] * 100, [0.0] * 900 + [*range(100)])
    assert "the mean of 'y' went from 1.10 to 1.99" in mean


@pytest.mark.parametrize(("metric", "value", "doubted"), [("roc_auc", 0.998, 1), ("r2", 0.9992, 1), ("r2", 0.98, 0)])
def test_a_score_that_is_too_good_to_be_true_is_in_doubt(
    code_of_numbers: Module, code: Module, metric: str, value: float, doubted: int
) -> None:
    importance = [{"column": name, "drop": 1.0} for name in ("registered", "casual", "hour")]
    evaluation = {"metrics": {metric: {"value": value}, "mae": {"value": 1.0}}, "importance": importance}
    found = (code_of_numbers if metric == "r2" else code)("pipeline.gate").too_good(evaluation)
    assert len(found) == doubted and all("'registered' and 'casual', known before" in text for text in found)


def give_aways(code: Module, y: np.ndarray, **columns: Any) -> list[str]:
    """What the checks of the data say of a table with three more columns by chance."""
    generator, numbers = np.random.default_rng(1), np.issubdtype(y.dtype, np.number)
    columns |= {f"n{i}": generator.normal(size=len(y)) for i in range(3)}
    frame = pd.DataFrame({**columns, "y": y})
    kinds = {"M": "datetime", "f": "number", "i": "number"}
    typed = {name: {"type": kinds.get(np.asarray(values).dtype.kind, "category")} for name, values in columns.items()}
    several = "multiclass" if len(np.unique(y)) > 2 else "binary"
    target = {"name": "y", "kind": "continuous" if numbers else several}
    target |= {"positive": str(y[0])} if target["kind"] == "binary" else {}
    typed["y"] = {"type": "number" if numbers else "category", "role": "target"}
    made = {"problem": {"name": "made"}, "source": {"path": "made"}, "target": target, "columns": typed}
    contract, params = code("engineroom.contract").parse(made, "made"), code("engineroom.settings").LeakageParams()
    return code("engineroom.judging.leakage").near_copies(frame, contract, params, seed=0)


def drawn_columns(rows: int = 600) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    started = np.datetime64("2024-01-01T00:00") + generator.integers(0, 500_000, rows)
    gaps = np.where(generator.random(rows) < 0.2, np.nan, generator.integers(0, 300, rows))
    return {
        "a": generator.integers(0, 300, rows).astype(float),
        "b": generator.integers(0, 900, rows).astype(float),
        "c": generator.lognormal(3, 1, rows),
        "d": generator.integers(1, 20, rows).astype(float),
        "gaps": gaps,
        "begin": started.astype("datetime64[us]"),
        "end": (started + generator.integers(1, 3_000, rows)).astype("datetime64[us]"),
        "p": generator.choice(["u", "v"], rows),
        "q": generator.choice(["k", "l", "m"], rows),
    }


NUMBERS_MADE_UP = {
    "a b": lambda t: t["a"] + t["b"],
    "b c": lambda t: 100 * t["c"] - t["b"] + 7,
    "a b c": lambda t: t["a"] + t["b"] + 3 * t["c"],
    "c d": lambda t: np.round(t["c"] * t["d"], 2),
    "d c": lambda t: np.round(1.19 * t["c"] * t["d"], 2) + 4.95,
    "b d": lambda t: t["b"] / t["d"] + 2,
    "c d ": lambda t: np.round(t["c"] / t["d"] ** 2, 3),
    "b gaps": lambda t: np.where(np.isnan(t["gaps"]), 1.0, t["gaps"]) + t["b"],
    "begin end": lambda t: (t["end"] - t["begin"]).astype(float) / 60e6,
    "p q": lambda t: np.where(t["p"] == "u", 3.0, 8.0) * np.where(t["q"] == "k", 1.0, np.where(t["q"] == "l", 2.5, 9)),
}
CLASSES_MADE_UP = {
    "a b": lambda t: t["a"] + t["b"] > 700,
    "a b ": lambda t: t["b"] - t["a"] > 100,
    "a  b": lambda t: 2.5 * t["a"] - t["b"] > 50,
    "c d": lambda t: t["c"] * t["d"] > 200,
    "begin end": lambda t: t["end"] - t["begin"] > np.timedelta64(2_000, "m"),
    "p q": lambda t: (t["p"] == "u") == (t["q"] == "k"),
    " a b": lambda t: np.digitize(t["a"] + t["b"], [300, 700]),
}


@pytest.mark.parametrize(("names", "rule"), NUMBERS_MADE_UP.items(), ids=range(len(NUMBERS_MADE_UP)))
def test_a_number_that_few_columns_make_up_is_named(code_of_numbers: Module, names: str, rule: Any) -> None:
    columns = drawn_columns()
    [said] = give_aways(code_of_numbers, rule(columns), **columns)
    assert "make up the target" in said and all(f"{name!r}" in said.split(":")[0] for name in names.split()), said
    y = rule(columns)
    assert not give_aways(code_of_numbers, y + 0.2 * y.std() * np.random.default_rng(2).normal(size=len(y)), **columns)


@pytest.mark.parametrize(("names", "rule"), CLASSES_MADE_UP.items(), ids=range(len(CLASSES_MADE_UP)))
def test_classes_that_few_columns_make_up_are_named(code: Module, names: str, rule: Any) -> None:
    columns = drawn_columns()
    y = np.array([f"class {int(label)}" for label in rule(columns)])
    [said] = give_aways(code, y, **columns)
    assert "make up the target" in said and all(f"{name!r}" in said.split(":")[0] for name in names.split()), said
    wrong = np.random.default_rng(2).random(len(y)) < 0.05
    assert not give_aways(code, np.where(wrong, "class 0", y), **columns)


def test_honest_data_give_nothing_away(code: Module, code_of_numbers: Module) -> None:
    """Classes that stand apart by nature, among them; and many columns, few records, where much fits by chance."""
    from sklearn import datasets

    for name, tested in (("iris", code), ("wine", code), ("breast_cancer", code), ("diabetes", code_of_numbers)):
        values, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        labels = y if name == "diabetes" else np.array([f"class {label}" for label in y])
        assert not give_aways(tested, labels, **{f"x{i}": column for i, column in enumerate(values.T)}), name
    values, y = datasets.load_digits(return_X_y=True)
    for digit in (0, 1, 6):
        labels = np.where(y == digit, "it", "another")
        assert not give_aways(code, labels, **{f"x{i}": column for i, column in enumerate(values.T)}), digit
    generator = np.random.default_rng(0)
    chance = {f"x{i}": generator.integers(0, 3, 60).astype(float) for i in range(40)}
    assert not give_aways(code, np.where(generator.random(60) < 0.1, "yes", "no"), **chance)
    assert not give_aways(code_of_numbers, generator.integers(0, 3, 60).astype(float), **chance)
