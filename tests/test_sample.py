"""The made-up customers: what a new project runs on, and what its contract promises about them."""

import csv
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from conftest import TASKS, run

TARGETS = {"classification": "churned", "regression": "lifetime_value"}

# Runs inside the rendered project: every row through the project's own parser, every promise of its contract.
CHECK = """
import csv, sys
from pathlib import Path
from {package}.engineroom import contract
from {package}.engineroom.reading import records

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
from {package}.engineroom import contract
from {package}.engineroom.reading import Reader

found = contract.load()
reader = Reader(found)
with Path("data/raw/customers.csv").open(encoding="utf-8", newline="") as file:
    for row in list(csv.DictReader(file))[:200]:
        del row[found.target.name]
        findings = reader.one(row)[1]
        assert all(finding.kind == "out_of_scope" or not finding.refused for finding in findings), (row, findings)
"""

PARAMS = "from customer_model.engineroom.settings import load_params; load_params()"


class Project:
    """A copy of a rendered project, whose modules are run the way its user runs them."""

    def __init__(self, rendered: Path, root: Path) -> None:
        self.root = Path(shutil.copytree(rendered, root))
        self.package = next(path.parent.name for path in root.glob("src/*/__init__.py"))

    def check(self, code: str, *arguments: str) -> None:
        run(self.root, sys.executable, "-c", code.format(package=self.package), *arguments)

    def sample(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        return run(self.root, sys.executable, "-m", "sample", *arguments, ok=ok)

    def written(self, name: str, *arguments: str) -> Path:
        self.sample("--out", name, *arguments)
        return self.root / name


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mean(rows: list[dict[str, str]], column: str) -> float:
    values = [float(row[column]) for row in rows if row[column].strip()]
    return sum(values) / len(values)


def share(rows: list[dict[str, str]], column: str, value: str) -> float:
    return sum(row[column] == value for row in rows) / len(rows)


@pytest.fixture(params=TASKS)
def task(request):
    return request.param


@pytest.fixture
def customers(render, task, tmp_path):
    return Project(render(task=task, modality="tabular", framework="sklearn"), tmp_path / "project")


@pytest.fixture
def raw(customers):
    return customers.written("data/raw/customers.csv")


def test_same_seed_gives_same_bytes_and_another_seed_does_not(customers):
    first = customers.written("a.csv", "--rows", "300", "--seed", "1").read_bytes()
    assert customers.written("b.csv", "--rows", "300", "--seed", "1").read_bytes() == first
    assert customers.written("c.csv", "--rows", "300", "--seed", "2").read_bytes() != first


def test_without_options_it_writes_where_the_contract_reads(customers):
    customers.sample()
    contract = yaml.safe_load((customers.root / "contract.yaml").read_text(encoding="utf-8"))
    assert len(rows_of(customers.root / contract["source"]["path"])) == 5000


def test_contract_loads_and_every_row_keeps_it(customers, raw):
    customers.check(CHECK, str(raw))


def test_a_shifted_population_keeps_the_contract_too(customers):
    customers.check(CHECK, str(customers.written("shifted.csv", "--shift", "3")))


def test_every_row_is_a_valid_request(customers, raw):
    customers.check(REQUEST)


def test_params_load(customers):
    customers.check(PARAMS)


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


def test_a_shift_raises_prices_and_calls_and_loosens_contracts(customers, raw):
    rows, shifted = rows_of(raw), rows_of(customers.written("shifted.csv", "--shift", "1", "--seed", "7"))
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


@pytest.mark.parametrize("task", ["classification"], indirect=True)
def test_about_a_quarter_of_the_customers_leave(raw):
    assert 0.2 < share(rows_of(raw), "churned", "yes") < 0.26


@pytest.mark.parametrize("task", ["regression"], indirect=True)
def test_lifetime_value_is_skewed_and_not_negative(raw):
    values = sorted(float(row["lifetime_value"]) for row in rows_of(raw))
    assert values[0] >= 0
    assert sum(values) / len(values) > 1.2 * values[len(values) // 2]


@pytest.mark.parametrize("option", [("--rows", "0"), ("--shift", "-1")])
def test_a_population_that_cannot_exist_is_refused(customers, option):
    done = customers.sample(*option, ok=False)
    assert done.returncode == 2
    assert "--rows must be at least 1, --shift at least 0" in done.stderr


def target_mean(rows: list[dict[str, str]], task: str) -> float:
    if task == "classification":
        return share(rows, TARGETS[task], "yes")
    return mean(rows, TARGETS[task])
