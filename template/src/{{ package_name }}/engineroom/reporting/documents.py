"""The run for people who do not read code: an HTML report, a model card, a data dictionary, pictures.

Nothing is measured here: every figure was written by an earlier stage. The texts stand in `templates/`.
"""

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..artifacts import REPORT, TEST_SCORES
from ..contract import Column, Contract, Rule
from ..judging import HIGHER_IS_BETTER, AnyDecision, explained, good_enough, higher_is_better
from ..showing import as_markdown, number, percent
from .results import dummy, plots

TEMPLATES = Path(__file__).with_name("templates")
MOST_LISTED = 20
BLIND = "gives every record the answer to another one, drawn by chance"
FEW_OF_CLASS = 20  # with 10 of them found, recall may as well be 0.3 as 0.7
FEW_GROUPS = 30  # from fewer, resampled intervals come out too narrow (Cameron, Gelbach, Miller 2008)


def expected(column: Column | Rule) -> str:
    """The values that a column or a rule asks for, in words; empty when anything goes."""
    levels = column.levels if isinstance(column, Column) else column.allowed
    if levels:
        return listed(levels, " < " if getattr(column, "order", ()) else ", ")
    low, high = (f"{end:,.12g}" if isinstance(end, float) else end for end in (column.min, column.max))
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"from {low}" if low is not None else f"up to {high}" if high is not None else ""


def listed(names: Sequence[str], separator: str = ", ") -> str:
    more = len(names) - MOST_LISTED
    return separator.join(names[:MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def hardly_tested(classes: list[dict[str, Any]]) -> list[str]:
    """A sentence on the classes that hardly occur in the test part, where there are some."""
    rare = [f"{row['class']} ({row['rows']['test']})" for row in classes if row["rows"]["test"] < FEW_OF_CLASS]
    return [f"Too few test records to judge how well these classes are told: {listed(rare)}."] if rare else []


def per_1000(costs: dict[str, Any], rows: int) -> dict[str, str]:
    """What 1,000 records cost without and with the model, and the saving: rounded alike, so that they add up."""
    digits = 2 - math.floor(math.log10(abs(costs["saving_per_1000"]) or 1))
    without, model = (round(costs[name] / rows * 1000, digits) for name in ("without_model", "with_model"))
    found = {"without": without, "model": model, "saving": without - model}
    return {name: f"{value:,.{max(0, digits)}f}" for name, value in found.items()}


def slice_rows(contract: Contract, evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """Slices with a verdict and the length of their bars; those without a value come last, and not all of them."""
    floor, shares = contract.acceptance.slice_floor, HIGHER_IS_BETTER.get(evaluation["metric"])
    values = [entry["value"] for entry in evaluation["slices"] if entry.get("value") is not None]
    scale = max([*values, floor or 0.0, 1.0 if shares else 0.0]) or 1.0
    rows = []
    for entry in evaluation["slices"]:
        value = entry.get("value")
        if value is None:
            verdict = "too few rows" if "metrics" not in entry else "not measurable"
        else:
            verdict = "" if floor is None else "ok" if good_enough(value, floor, evaluation) else "misses the floor"
        drawn = {"bar": max(0.0, value or 0.0) / scale, "floor": None if floor is None else max(0.0, floor) / scale}
        rows.append({"value": None, "metrics": {}} | entry | {"verdict": verdict} | drawn)
    unknown = [row for row in rows if row["value"] is None]
    return [row for row in rows if row["value"] is not None] + unknown[:MOST_LISTED]


def limits_of_use(
    contract: Contract, evaluation: dict[str, Any], dropped: dict[str, str], periods: dict[str, list[str]]
) -> list[str]:
    """What the model must not be used for or trusted with, as far as contract and data tell."""
    found = [f"It is meant for this and nothing else: {contract.problem.scope}"] if contract.problem.scope else []
    found += [
        f"Only for records with {rule.column}: {expected(rule)} ({rule.reason})." for rule in contract.eligibility
    ]
    found += [f"{name} is in the contract, yet the model does not use it: {why}." for name, why in dropped.items()]
    if periods:
        (first, _), (start, end) = periods["train"], periods["test"]
        found.append(
            f"It learned from records from {first} on and was tested on {start} to {end}; later ones may differ."
        )
    else:
        found.append("No column says when a record is from, so nothing here tells how the model ages.")
    if (groups := evaluation["groups"]) and groups < FEW_GROUPS:
        few = f"Number of values of {contract.only('group')} in the test part: {groups}"
        found.append(f"{few}. From so few, intervals may well be too narrow.")
    unknown = [f"{row['column']} = {row['level']}" for row in evaluation["slices"] if row.get("value") is None]
    if unknown:
        found.append(f"Quality is unknown, for want of test records, where {listed(unknown)}.")
    elif not evaluation["slices"]:
        found.append("No column is marked sensitive or group, so nobody has looked whether some people fare worse.")
    return [*found, "Importance says what the model looks at, not what causes the outcome."]


def draw_plots(decision: AnyDecision) -> list[dict[str, str]]:
    """Save the pictures of the test part as PNG files, and give them back for the page to embed."""
    from matplotlib import style
    from matplotlib.figure import Figure

    found, folder = [], REPORT / "plots"
    folder.mkdir(parents=True)
    with np.load(TEST_SCORES) as test, style.context(TEMPLATES / "plots.mplstyle"):
        for title, caption, plot in plots(decision):
            figure = Figure(figsize=(4.6, 4.0), layout="constrained")
            plot(figure.subplots(), test["y"], test["scores"])
            file = folder / f"{title.lower().replace(' ', '_')}.png"
            figure.savefig(file)
            png = base64.b64encode(file.read_bytes()).decode()
            found.append({"title": title, "caption": caption, "png": png})
    return found


def render_document(document: str, facts: dict[str, Any]) -> str:
    """Fill in a template. Whatever the contract holds is text: neither HTML nor Markdown in it has an effect."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=marked if document.endswith(".md") else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "percent": percent, "expected": expected}
    return environment.get_template(f"{document}.j2").render(
        facts,
        dummy=BLIND if facts["evaluation"]["blind"] else dummy(facts["manifest"].decision),
        explained=explained(facts["evaluation"]),
        higher=higher_is_better(facts["evaluation"]),
        few_of_class=FEW_OF_CLASS,
    )


def marked(value: Any) -> Markup:
    """A value as Markdown shows it as it is."""
    return value if isinstance(value, Markup) else Markup(as_markdown(str(value)))
