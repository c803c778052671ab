"""The made-up customers: what a new project runs on, and what its contract promises about them."""

import csv
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

TASKS = ("classification", "regression")
TARGETS = {"classification": "churned", "regression": "lifetime_value"}

# Runs inside the rendered project: every row through the project's own parser, every promise of its contract.
CHECK = """
import csv, sys
from pathlib import Path
from {package} import contract, records

found = contract.load()
parsers = {{name: records.parser(column) for name, column in found.columns.items()}}
with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        assert list(row) == list(found.columns), (list(row), list(found.columns))
        for name, parse in parsers.items():
            value, column = parse(row[name]), found.columns[name]
            assert column.nullable if value is None else not records.outside(column, value), (name, row)
"""

REQUEST = """
import csv
from pathlib import Path
from {package} import contract, records

found = contract.load()
model = records.record_model(found)
with Path("data/raw/customers.csv").open(encoding="utf-8", newline="") as file:
    for row in list(csv.DictReader(file))[:200]:
        del row[found.target.name]
        model.model_validate(row)
"""

PARAMS = """
from {package} import contract
from {package}.settings import load_params

params, features = load_params(), contract.load().features
pairs = params.features.ratios + params.features.interactions
assert pairs and all(features[name].type in contract.NUMERIC for pair in pairs for name in pair), pairs
"""


class Project:
    """A rendered project whose modules are run the way its user runs them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = next(path.parent.name for path in root.glob("src/*/__init__.py"))

    def python(self, *arguments: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(self.root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.root, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    def check(self, code: str, *arguments: str) -> None:
        self.python("-c", code.format(package=self.package), *arguments)

    def sample(self, *arguments: str, out: str = "data/raw/customers.csv") -> Path:
        self.python("-m", f"{self.package}.sample", *arguments, "--out", out)
        return self.root / out


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mean(rows: list[dict[str, str]], column: str) -> float:
    values = [float(row[column]) for row in rows if row[column].strip()]
    return sum(values) / len(values)


def share(rows: list[dict[str, str]], column: str, value: str) -> float:
    return sum(row[column] == value for row in rows) / len(rows)


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return request.param


@pytest.fixture
def project(render, task):
    return Project(render(task=task, modality="tabular", framework="sklearn"))


@pytest.fixture
def raw(project):
    return project.sample()


def test_same_seed_gives_same_bytes_and_another_seed_does_not(project):
    first = project.sample("--rows", "300", "--seed", "1", out="a.csv").read_bytes()
    assert project.sample("--rows", "300", "--seed", "1", out="b.csv").read_bytes() == first
    assert project.sample("--rows", "300", "--seed", "2", out="c.csv").read_bytes() != first


def test_without_options_it_writes_where_the_contract_reads(project):
    project.python("-m", f"{project.package}.sample")
    rows = rows_of(project.root / "data/raw/customers.csv")
    assert len(rows) == 5000
    assert "path: data/raw/customers.csv\n" in (project.root / "contract.yaml").read_text(encoding="utf-8")


def test_contract_loads_and_every_row_keeps_it(project, raw):
    project.check(CHECK, str(raw))


def test_a_shifted_population_keeps_the_contract_too(project):
    project.check(CHECK, str(project.sample("--shift", "3", out="shifted.csv")))


def test_every_row_is_a_valid_request(project, raw):
    project.check(REQUEST)


def test_params_load_and_name_columns_that_exist(project):
    project.check(PARAMS)


def test_data_have_the_faults_that_real_exports_have(raw):
    rows = rows_of(raw)
    gaps = {name: sum(not row[name].strip() for row in rows) / len(rows) for name in rows[0]}
    assert gaps["campaign"] > 0.75
    assert 0.1 < gaps["satisfaction"] < 0.3
    assert any(row["total_charges"] == " " for row in rows) and any(not row["total_charges"] for row in rows)
    assert len(rows) - len({tuple(row.values()) for row in rows}) == 30
    assert 0.05 < 1 - share(rows, "account_status", "active") < 0.15
    assert all(len(row["customer_id"]) == 7 for row in rows)
    assert any(row["customer_id"].startswith("00") for row in rows)
    cities = Counter(row["city"] for row in rows)
    assert len(cities) > 100 and sum(count < 25 for count in cities.values()) > 50
    calls = sorted(int(row["support_calls"]) for row in rows)
    assert calls[len(calls) // 2] <= 1 and calls[-1] >= 20


def test_a_shift_raises_prices_and_calls_and_loosens_contracts(project, raw):
    rows, shifted = rows_of(raw), rows_of(project.sample("--shift", "1", "--seed", "7", out="shifted.csv"))
    assert mean(shifted, "monthly_charges") > 1.15 * mean(rows, "monthly_charges")
    assert mean(shifted, "support_calls") > 1.15 * mean(rows, "support_calls")
    assert share(shifted, "contract_plan", "monthly") > 0.03 + share(rows, "contract_plan", "monthly")


def test_identity_says_nothing_about_the_target(raw, task):
    rows = rows_of(raw)
    overall = target_mean(rows, task)
    by_id = sorted(rows, key=lambda row: row["customer_id"])
    quarters = [by_id[start::4] for start in range(4)] + [by_id[: len(rows) // 2], by_id[len(rows) // 2 :]]
    mails = [[row for row in rows if row["email"].endswith(end)] for end in (".com", ".net", ".org")]
    for group in (*quarters, *mails):
        assert target_mean(group, task) == pytest.approx(overall, rel=0.12)


def test_about_a_quarter_of_the_customers_leave(render):
    project = Project(render(task="classification", modality="tabular", framework="sklearn"))
    assert 0.2 < share(rows_of(project.sample()), "churned", "yes") < 0.26


def test_lifetime_value_is_skewed_and_not_negative(render):
    project = Project(render(task="regression", modality="tabular", framework="sklearn"))
    values = sorted(float(row["lifetime_value"]) for row in rows_of(project.sample()))
    assert values[0] >= 0
    assert sum(values) / len(values) > 1.2 * values[len(values) // 2]


@pytest.mark.parametrize("option", [("--rows", "0"), ("--shift", "-1")])
def test_a_population_that_cannot_exist_is_refused(project, option):
    with pytest.raises(AssertionError, match="--rows must be at least 1, --shift at least 0"):
        project.sample(*option)


def target_mean(rows: list[dict[str, str]], task: str) -> float:
    if task == "classification":
        return share(rows, TARGETS[task], "yes")
    return mean(rows, TARGETS[task])
