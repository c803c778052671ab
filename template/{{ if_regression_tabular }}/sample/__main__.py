"""Customers and what they are worth: `lifetime_value` is the margin in EUR until they leave."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import customers
from .customers import Table, effect

MARGIN = 0.35  # share of a bill that is left after costs
CALL = 6.0  # EUR that one call to the hotline costs


def lifetime_value(table: Table, rng: np.random.Generator) -> NDArray[Any]:
    """EUR for each customer, shape (rows,), not below 0: skewed, with noise that grows with the value."""
    luck = rng.lognormal(-0.03, 0.25, len(table["tenure_months"]))
    return np.maximum(expected_value(table) * luck, 0)


def expected_value(table: Table) -> NDArray[np.float64]:
    """EUR that a perfect model would predict: margin a month times the months that are left. Every driver
    multiplies the others, so no sum of columns gets there.
    """
    months = effect(table["contract_plan"], {"monthly": 14, "one year": 30, "two years": 48})
    months *= 1 + 0.7 * (1 - np.exp(-table["tenure_months"] / 20))  # who has stayed, stays
    months *= effect(table["satisfaction"], {"low": 0.5, "medium": 0.85, "high": 1.1, "very high": 1.35})
    months *= np.where(table["support_calls"] >= 3, 0.6, 1.0)
    months *= 1 + effect(table["payment_method"], {"direct debit": 0.1, "invoice": -0.2})
    calls_ahead = np.minimum(table["support_calls"], 10) * months / 12
    return MARGIN * table["monthly_charges"] * months - CALL * calls_ahead


if __name__ == "__main__":
    customers.run("lifetime_value", lifetime_value)
