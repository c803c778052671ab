"""Customers and whether they leave: `churned` is yes for those who cancel within 90 days."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import customers
from .customers import Table, effect


def churned(table: Table, rng: np.random.Generator) -> NDArray[Any]:
    """yes or no for each customer, shape (rows,); about 23% say yes when the population is not shifted."""
    return np.where(rng.random(len(table["tenure_months"])) < probability(table), "yes", "no")


def probability(table: Table) -> NDArray[np.float64]:
    """What a perfect model would predict. A price hurts only those who can leave next month, which is an
    interaction; the third call to the hotline is the one that breaks trust, which is a step.
    """
    monthly = table["contract_plan"] == "monthly"
    unhappy = effect(table["satisfaction"], {"low": 1.6, "medium": 0.5, "very high": -0.8})
    score = (
        -3.05
        + effect(table["contract_plan"], {"monthly": 0.8, "two years": -0.7})
        + np.where(monthly, 0.08 * (table["monthly_charges"] - 50), 0.0)
        + np.where(table["support_calls"] >= 3, 1.7, 0.0)
        + unhappy * np.where(table["tenure_months"] < 12, 1.6, 0.7)
        + 1.3 * np.exp(-table["tenure_months"] / 8)
        + effect(table["payment_method"], {"invoice": 0.6, "direct debit": -0.3})
        + effect(table["region"], {"east": 0.3, "south": -0.2})
    )
    return 1 / (1 + np.exp(-score))


if __name__ == "__main__":
    customers.run("churned", churned)
