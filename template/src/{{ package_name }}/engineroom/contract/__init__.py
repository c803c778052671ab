"""contract.yaml, read once into frozen, typed models; and the errors that a user can cause and mend.

The contract states the problem, the columns, the quality the data must have, what counts as good and what errors cost.
"""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "Acceptance",
    "Column",
    "Contract",
    "ContractError",
    "Costs",
    "NUMERIC",
    "PATH",
    "ParamsError",
    "Policy",
    "Quality",
    "Rule",
    "Section",
    "Source",
    "Split",
    "Type",
    "UserError",
    "from_iso",
    "load",
    "loads",
    "mistakes_of",
    "own_words",
    "parse",
]

if TYPE_CHECKING:
    from .columns import NUMERIC, Column, Policy, Type, from_iso
    from .errors import ContractError, ParamsError, UserError, mistakes_of, own_words
    from .schema import Contract
    from .section import Section
    from .terms import Acceptance, Costs, Quality, Rule, Source, Split
    from .yaml_file import PATH, load, loads, parse
else:
    __getattr__ = lazily(
        __name__,
        columns=["Column", "NUMERIC", "Policy", "Type", "from_iso"],
        errors=["ContractError", "ParamsError", "UserError", "mistakes_of", "own_words"],
        schema=["Contract"],
        section=["Section"],
        terms=["Acceptance", "Costs", "Quality", "Rule", "Source", "Split"],
        yaml_file=["PATH", "load", "loads", "parse"],
    )
