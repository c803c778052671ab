"""Customers of a telephone and internet company that does not exist, one row each, as of SNAPSHOT.

The rows look like an export from a billing system: mixed types, gaps, a few repeated lines, rare cities,
accounts that are out of scope. Nothing here knows what is predicted; `__main__` adds that column.
"""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import command

Table = dict[str, NDArray[Any]]
Target = Callable[[Table, np.random.Generator], NDArray[Any]]

SNAPSHOT = np.datetime64("2026-06-30")
DUPLICATES = 0.006  # share of lines that repeat another one, as happens when exports overlap
REGIONS = ("north", "east", "south", "west", "centre")
CITY_STARTS = "Alder Birch Cedar Dover Elm Fern Grün Hazel Iron Juniper Kings Linden"
CITY_ENDS = "bridge brook dale field ford gate haven hill mouth stead ton wick"
MAIL_NAMES = "amber basil coral dune ember flint grove heron indigo jade kestrel lark"
MAIL_DOMAINS = ("example.com", "example.net", "example.org")

# Share of values that are simply not known. Other gaps have a reason: see `_bills` and `_contacts`.
GAPS = {
    "gender": 0.02,
    "city": 0.01,
    "payment_method": 0.02,
    "total_charges": 0.02,
    "data_usage_gb": 0.06,
    "satisfaction": 0.2,
    "campaign": 0.86,
}


def draw(rows: int, rng: np.random.Generator, shift: float = 0.0) -> Table:
    """`rows` different customers, complete where a value exists, as arrays of length `rows` by column name.

    `shift` moves the population, not what drives the target: at 1.0 prices are a quarter higher, fewer
    customers are bound by a contract, more have fibre, and the hotline gets half as many calls again.
    """
    table = _people(rows, rng)
    table |= _subscription(rows, rng, shift)
    table |= _bills(table, rng, shift)
    table |= _contacts(table, rng, shift)
    return table


def _people(rows: int, rng: np.random.Generator) -> Table:
    cities = np.array([start + end for end in CITY_ENDS.split() for start in CITY_STARTS.split()])
    weights = 1 / np.arange(1, len(cities) + 1) ** 1.1  # a few large cities and a long tail of villages
    place = rng.choice(len(cities), rows, p=weights / weights.sum())
    ids, numbers = rng.permutation(rows * 3)[:rows], rng.permutation(rows)
    mail = zip(rng.choice(MAIL_NAMES.split(), rows), numbers, rng.choice(MAIL_DOMAINS, rows), strict=True)
    return {
        "customer_id": np.array([f"{number:07d}" for number in ids]),
        "email": np.array([f"{name}.{number}@{domain}" for name, number, domain in mail]),
        "gender": rng.choice(["female", "male", "diverse"], rows, p=[0.49, 0.49, 0.02]),
        "region": np.array(REGIONS)[place % len(REGIONS)],
        "city": cities[place],
    }


def _subscription(rows: int, rng: np.random.Generator, shift: float) -> Table:
    plan = _choose({"monthly": 0.5 + 0.15 * shift, "one year": 0.27, "two years": 0.23}, rows, rng)
    mean_months = effect(plan, {"monthly": 17, "one year": 32, "two years": 44})
    tenure = np.minimum(rng.gamma(1.3, mean_months / 1.3), 120).astype(int)
    signup = SNAPSHOT - (tenure * 30.44).astype(int) - rng.integers(0, 30, rows)
    status = _choose({"active": 0.91, "suspended": 0.06, "trial": 0.03}, rows, rng)
    return {
        "account_status": status,
        "signup_date": signup.astype("datetime64[D]"),
        "tenure_months": tenure,
        "contract_plan": plan,
        "internet_service": _choose({"fibre": 0.45 + 0.1 * shift, "dsl": 0.35, "phone only": 0.2}, rows, rng),
        "campaign": rng.choice(["spring offer", "friend", "trade fair"], rows),
    }


def _bills(table: Table, rng: np.random.Generator, shift: float) -> Table:
    rows = len(table["customer_id"])
    base = effect(table["internet_service"], {"fibre": 68, "dsl": 46, "phone only": 21})
    discount = effect(table["contract_plan"], {"monthly": 1.0, "one year": 0.94, "two years": 0.88})
    charge = np.clip((base * discount + rng.normal(0, 9, rows)) * (1 + 0.25 * shift), 10, 250)
    total = charge * table["tenure_months"] * rng.uniform(0.85, 1.05, rows)  # prices rose over the years
    total[table["tenure_months"] == 0] = np.nan  # no bill yet
    log_usage = effect(table["internet_service"], {"fibre": 5.2, "dsl": 4.2, "phone only": 0.5})
    methods = {"direct debit": 0.36, "bank transfer": 0.22, "credit card": 0.22, "invoice": 0.2}
    return {
        "payment_method": _choose(methods, rows, rng),
        "paperless_billing": rng.random(rows) < 0.6,
        "monthly_charges": charge,
        "total_charges": total,
        "data_usage_gb": np.minimum(rng.lognormal(log_usage, 0.7), 5000),
    }


def _contacts(table: Table, rng: np.random.Generator, shift: float) -> Table:
    rows = len(table["customer_id"])
    calls = rng.poisson(rng.gamma(0.7, 2.0 * (1 + 0.5 * shift), rows))  # most call once or never
    calls = np.where(rng.random(rows) < 0.004, calls + rng.integers(20, 60, rows), calls)  # a few every week
    mood = 0.5 - 0.25 * np.minimum(calls, 6) - 0.012 * (table["monthly_charges"] - 55)
    survey = np.digitize(mood + rng.normal(0, 1, rows), [-1.0, 0.1, 1.2])
    days = np.minimum(rng.exponential(90, rows).astype(int), 700)
    contact = (SNAPSHOT - days).astype("datetime64[D]")
    contact[(calls == 0) & (rng.random(rows) < 0.7)] = np.datetime64("NaT")  # never spoken to
    return {
        "support_calls": np.minimum(calls, 150),
        "satisfaction": np.array(["low", "medium", "high", "very high"])[survey],
        "last_contact": np.maximum(contact, table["signup_date"]),
    }


def _choose(weights: Mapping[str, float], rows: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """`rows` levels drawn in proportion to their weights."""
    shares = np.cumsum(list(weights.values()))
    return np.array(list(weights))[np.searchsorted(shares / shares[-1], rng.random(rows), side="right")]


def effect(levels: NDArray[Any], numbers: Mapping[str, float]) -> NDArray[np.float64]:
    """Each level replaced by its number; a level that is not listed counts 0."""
    return np.array([numbers.get(level, 0.0) for level in levels.tolist()], dtype=np.float64)


def write(table: Table, path: Path, rng: np.random.Generator) -> None:
    """Write a table as CSV the way it leaves a billing system: with gaps, repeated lines, in any order."""
    rows = len(table["customer_id"])
    columns = {name: _as_text(name, values, rng) for name, values in table.items()}
    copies = int(rows * DUPLICATES)
    kept = rows - copies  # the file has as many lines as the table has rows
    lines = rng.permutation(np.concatenate([np.arange(kept), rng.choice(kept, copies, replace=False)]))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(values[lines] for values in columns.values()), strict=True))


def _as_text(name: str, values: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    if values.dtype.kind == "f":  # a number that does not exist is a blank there
        text = np.array([f"{value:.2f}" if value == value else " " for value in values.tolist()])
    elif values.dtype.kind == "b":
        text = np.where(values, "Yes", "No")
    else:
        text = np.where(values.astype(str) == "NaT", "", values.astype(str))
    return np.where(rng.random(len(text)) < GAPS.get(name, 0), "", text)


def run(target: str, compute: Target) -> None:
    """The command of `__main__`: draw customers, add the target column, write the file."""

    def make(rows: int, shift: float, out: Path, rng: np.random.Generator) -> None:
        table = draw(rows, rng, shift)
        write(table | {target: compute(table, rng)}, out, rng)

    command.run("customers", make, rows=5000, out=Path("data/raw/customers.csv"))
