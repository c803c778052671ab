"""The kinds of decision, of which the contract's target names one."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from ..contract import Contract
from .classes import ClassDecision
from .values import ValueDecision

AnyDecision = Annotated[ClassDecision | ValueDecision, Field(discriminator="kind")]


def decision_type(contract: Contract) -> type[ClassDecision] | type[ValueDecision]:
    """The class of decision that the contract's target needs."""
    return ValueDecision if contract.target.kind == "continuous" else ClassDecision


def new_decision(values: Sequence[Any], contract: Contract) -> AnyDecision:
    """The decision before anything is learned, for the targets of the training records.

    Raises:
        ContractError: when the values do not fit the contract's target.
    """
    return decision_type(contract).of(values, contract)
