"""`make pipeline`, untouched, beside twenty lines of scikit-learn on the same split: is it worse beyond chance?

    .venv/bin/python benchmarks/regression.py                        # tables made here and bundled with packages
    .venv/bin/python benchmarks/regression.py bikes.csv:rentals ...  # tables of your own, and the column to predict

Prints a Markdown table, and ends with status 1 where a paired bootstrap of the test rows says worse. Needs the
environment of `make test`; projects are made in `.benchmarks/regression`.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".benchmarks/regression"
RESAMPLES = 2_000
SCORE = """
import numpy as np
from customer_model.engineroom.artifacts.paths import CANDIDATE
from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.reading.tables import columns_of, read_part
np.save("predicted.npy", Bundle.load(CANDIDATE).scores(columns_of(read_part("test")))[:, 0])
"""


def twenty_lines(project: Path) -> tuple[np.ndarray, np.ndarray]:
    """The target of the test rows, and what an untuned model says that knows the columns' names and types alone."""
    contract = yaml.safe_load((project / "contract.yaml").read_text())
    target = contract["target"]["name"]
    features = [name for name, column in contract["columns"].items() if column.get("role", "feature") == "feature"]
    train, test = (pd.read_parquet(project / f"data/parts/{part}.parquet") for part in ("train", "test"))
    x, to_predict = train[features].copy(), test[features].copy()
    categorical = []
    for name in features:
        if pd.api.types.is_datetime64_any_dtype(x[name]):
            x[name], to_predict[name] = (part[name].astype("int64") for part in (x, to_predict))
        elif not pd.api.types.is_numeric_dtype(x[name]):
            levels = pd.CategoricalDtype(x[name].dropna().unique())
            x[name], to_predict[name] = (
                part[name].astype(levels).cat.codes.replace(-1, np.nan) for part in (x, to_predict)
            )
            categorical += [name] * (len(levels.categories) <= 250)
    model = HistGradientBoostingRegressor(
        max_iter=150, learning_rate=0.08, categorical_features=categorical, random_state=0
    )
    with threadpool_limits(1):  # threads that wait for each other spin, which a shared machine pays for in minutes
        model.fit(x.astype(float), train[target])
    return test[target].to_numpy(dtype=float), model.predict(to_predict.astype(float))


def tables() -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Name, records, and the column to predict."""
    import statsmodels.api as sm
    from sklearn.datasets import load_diabetes, make_friedman1

    draw = np.random.default_rng(0)
    yield "diabetes (scikit-learn)", load_diabetes(as_frame=True, scaled=False).frame, "target"
    visits = sm.datasets.randhie.load_pandas().data.sample(8_000, random_state=0)
    yield "doctor's visits (statsmodels)", visits, "mdvis"

    x, y = make_friedman1(5_000, 10, noise=1, random_state=0)
    yield "interactions", pd.DataFrame(x).add_prefix("x").round(4).assign(y=y.round(3)), "y"

    x, income = draw.standard_t(2, (7_000, 5)), draw.pareto(1.8, 7_000) * 20_000
    y = income * (0.3 + 0.1 * np.sin(x[:, 0])) + 1_000 * np.abs(x[:, 1]) * x[:, 2] + draw.lognormal(8, 0.6, 7_000)
    yield "long tails", pd.DataFrame(x).add_prefix("x").round(3).assign(income=income.round(), spent=y.round()), "spent"

    x = draw.normal(size=(4_000, 80))
    y = sum(x[:, i] * x[:, i + 1] for i in range(0, 8, 2)) + 2 * np.sin(2 * x[:, 9]) + 3 * np.maximum(x[:, 10], 0)
    y += draw.normal(size=4_000)
    yield "80 columns", pd.DataFrame(x).add_prefix("x").round(3).assign(y=y.round(3)), "y"

    city, kind, x = draw.integers(0, 200, 8_000), draw.integers(0, 8, 8_000), draw.normal(size=(8_000, 4))
    y = (
        draw.normal(0, 3, 200)[city]
        + draw.normal(0, 2, 8)[kind] * x[:, 0]
        + x[:, 1] * x[:, 2]
        + draw.normal(size=8_000)
    )
    frame = pd.DataFrame(x).add_prefix("x").round(3).assign(city=city, kind=kind, y=y.round(3))
    yield (
        "200 and 8 levels",
        frame.replace({"city": dict(enumerate(_names("city"))), "kind": dict(enumerate(_names("kind")))}),
        "y",
    )

    place, centres = draw.uniform(0, 10, (8_000, 2)), draw.uniform(0, 10, (25, 2))
    near = np.exp(-((place[:, None] - centres) ** 2).sum(axis=2) / 2 / draw.uniform(0.2, 1, 25) ** 2)
    income, age = draw.lognormal(1.2, 0.45, 8_000), draw.integers(1, 53, 8_000)
    y = (0.35 * income + near @ draw.lognormal(0, 1, 25) * (0.8 + 0.2 * income)) * draw.lognormal(0, 0.2, 8_000)
    frame = pd.DataFrame(place.round(2), columns=["east", "north"])
    yield "houses by place", frame.assign(income=income.round(3), age=age, price=(1e5 * y).round()), "price"


def _names(kind: str) -> list[str]:
    return [f"{kind} {number}" for number in range(200)]


def given(arguments: list[str]) -> Iterator[tuple[str, pd.DataFrame, str]]:
    for argument in arguments:
        path, target = argument.rsplit(":", 1)
        yield Path(path).stem, pd.read_csv(path), target


def pipeline(frame: pd.DataFrame, target: str, template: Path) -> tuple[Path, np.ndarray]:
    """A project with its pipeline done, and what its candidate says of the test rows."""
    project = FOLDER / "project"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(template, project)
    frame.to_csv(FOLDER / "table.csv", index=False)
    run(project, "-m", "customer_model", "contract", "--data", "../table.csv", "--target", target)
    run(project, "-m", "customer_model", "pipeline", check=False)  # a model that the gate refuses is compared, too
    run(project, "-c", SCORE)
    return project, np.load(project / "predicted.npy")


def run(folder: Path, *arguments: str, check: bool = True) -> None:
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, check=False)
    if check and done.returncode:
        sys.exit(f"benchmarks: {' '.join(arguments)}: {done.stderr.decode()[-2_000:]}")


def compare(y: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    """RMSE of ours, in percent more than theirs, with the 95% interval of a paired bootstrap."""
    squares = np.stack([(ours - y) ** 2, (theirs - y) ** 2])
    rows = np.random.default_rng(0).integers(0, len(y), (RESAMPLES, len(y)))
    drawn = [squares[:, one].mean(axis=1) for one in rows]
    more = [100 * (np.sqrt(one[0] / one[1]) - 1) for one in (squares.mean(axis=1), *drawn)]
    low, high = np.percentile(more[1:], [2.5, 97.5])
    return float(more[0]), float(low), float(high)


def main() -> None:
    import copier

    template, worse = FOLDER / "template", []
    shutil.rmtree(template, ignore_errors=True)
    answers = {"task": "regression"}
    copier.run_copy(str(ROOT), template, data=answers, defaults=True, quiet=True, vcs_ref="HEAD", overwrite=True)
    print("| table | rows x columns | twenty lines, RMSE | make pipeline, RMSE | more or less, 95% interval | s |")
    print("|---|---|---|---|---|---|")
    for name, frame, target in given(sys.argv[1:]) if sys.argv[1:] else tables():
        start = time.monotonic()
        project, ours = pipeline(frame, target, template)
        took = time.monotonic() - start
        y, theirs = twenty_lines(project)
        more, low, high = compare(y, ours, theirs)
        errors = " | ".join(f"{np.sqrt(((said - y) ** 2).mean()):.5g}" for said in (theirs, ours))
        size = f"{len(frame):,} x {frame.shape[1] - 1}"
        print(f"| {name} | {size} | {errors} | {more:+.1f}% [{low:+.1f}, {high:+.1f}] | {took:.0f} |", flush=True)
        if low > 0:
            worse.append(name)
    if worse:
        sys.exit(f"worse than twenty lines beyond chance: {', '.join(worse)}")


if __name__ == "__main__":
    main()
