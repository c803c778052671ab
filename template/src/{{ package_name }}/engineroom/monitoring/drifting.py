"""Do the records that arrive still look like those the model learned from? A window against the bundle's reference.

    python -m <package> drift [--data FILE | --log URL_OR_FILE] [--out FOLDER]

Exit status: 0 no drift, 3 drift, 2 too few records to say, 1 an error. Writes drift.html and drift.json.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
from scipy.stats import fisher_exact

from ..bundle import EMBEDDING, REFERENCE, Bundle
from ..contract import UserError
from ..settings import DriftParams, Environment, load_params
from ..showing import RARE, harmless
from .window import file_columns, logged_columns

NO_DRIFT, TOO_LITTLE, DRIFT = 0, 2, 3  # exit status; 1 is an error
EPOCH = datetime(1970, 1, 1)
COMMON_SHARE = 0.02
NEW_SHARE = 0.05  # of a level that the reference does not name: this one alone hardly makes a distance
CHANCE = 3.3  # one pair of equal normal samples in 1,000 lies further apart than so many times sqrt(1/n + 1/m)
BY_CHANCE = 0.001  # more gaps, fewer, or nothing but gaps: no chance below this
FEW_GAPS = 0.05  # a share of missing values that moved by less matters little
POOLED = "(a less common level)"
NOTHING_ELSE = (  # the page holds all of its scripts and loads nothing
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:\">"
)
WIDE = '<style>[id^="root_"] { min-width: 60rem }</style>'  # Evidently cuts its page off on a narrow screen


def compare(window: Mapping[str, list[Any]], bundle: Bundle, params: DriftParams, out: Path) -> dict[str, Any]:
    """Measure each column's distance from the reference and write the report.

    Numbers: Wasserstein distance in standard deviations of the reference. Categories: Jensen-Shannon distance. Values
    that are missing more or less often than in the reference are drift, too, and so is a column without any value
    left, which has no distance. The column of role time is left out: later records are newer, whatever else they are.

    Args:
        window: what `Bundle.describe` gives, or what the service logged of it.

    Raises:
        UserError: when there is no column to compare.
    """
    past, present, kinds = tables(window, bundle)
    lasting = [name for name in kinds if name != bundle.contract.only("time")]
    compared = [name for name in lasting if past[name].notna().any() and present[name].notna().any()]
    if not compared:
        raise UserError("nothing to compare: the window has no value in any column")
    gone = sorted(name for name in lasting if name in window and is_gone(past[name], present[name]))
    limits = {name: limit(past[name], present[name], params) for name in compared}
    missing = {name: [float(part[name].isna().mean()) for part in (past, present)] for name in compared}
    observed = [name for name in compared if not name.startswith(EMBEDDING)]  # the reference has some of those only
    gaps = [name for name in observed if gaps_moved(past[name], present[name])]
    needed = math.floor(params.share * (len(compared) + len(gone))) + 1  # so many columns are drift
    share = max(0, needed - len(gone)) / len(compared)  # Evidently counts those that it compares, and shows this
    shown = limits | dict.fromkeys(gaps, -1.0)  # Evidently does not look at gaps: whatever the distance, it is drift
    of_kind = {name: kinds[name] for name in compared}
    distances, page = report(past, present, of_kind, shown, math.floor(1e4 * share) / 1e4)
    drifted = sorted(gone + [name for name, distance in distances.items() if distance >= shown[name]])
    result = {
        "drift": len(drifted) >= needed,
        "rows": len(present),
        "drifted": drifted,
        "distances": distances,
        "limits": limits,
        "missing": missing,
        "gaps": gaps,
        "gone": gone,
        "not_compared": [name for name in kinds if name not in compared and name not in gone],
        "model_version": bundle.manifest.model_version,
    }
    out.mkdir(parents=True, exist_ok=True)
    headline = f'<p style="margin: 1rem 1.5rem; font: 1.1rem sans-serif">{escape(verdict(result))}</p>'
    page = page.replace("<head>", f"<head>{NOTHING_ELSE}", 1).replace("<body>", f"<body>{WIDE}{headline}", 1)
    (out / "drift.html").write_text(page, encoding="utf-8")
    (out / "drift.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return result


def verdict(result: Mapping[str, Any]) -> str:
    """What `compare` found, in a sentence."""
    says = {name: f"{distance:.2f}" for name, distance in result["distances"].items()}
    for name in result["gaps"]:
        says[name] += "; missing {:.1%}, in the reference {:.1%}".format(*reversed(result["missing"][name]))
    found = ", ".join(f"{name} ({says.get(name, 'always missing')})" for name in result["drifted"]) or "none"
    left_out = f"; not compared: {', '.join(result['not_compared'])}" if result["not_compared"] else ""
    drift = "DRIFT" if result["drift"] else "no drift"
    return f"{drift} in {result['rows']:,} records; drifted columns: {found}{left_out}"


def tables(window: Mapping[str, list[Any]], bundle: Bundle) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Reference and window as Evidently takes them, and the kind of each column."""
    reference = pq.read_table(bundle.path / REFERENCE)
    gaps = [None] * len(next(iter(window.values())))  # a log that another model wrote may lack a column
    kinds = {field.name: kind_of(field, window.get(field.name, gaps)) for field in reference.schema}
    past = pd.DataFrame({name: as_series(reference.column(name).to_pylist(), kind) for name, kind in kinds.items()})
    present = pd.DataFrame({name: as_series(window.get(name, gaps), kind) for name, kind in kinds.items()})
    for name in (name for name, kind in kinds.items() if kind == "categorical"):
        past[name], present[name] = pool_rare(past[name], present[name])
    return past, present, kinds


def kind_of(field: pa.Field, values: Sequence[Any]) -> str:
    """What the reference holds; where it holds nothing, what the window does."""
    is_text = pa.types.is_string(field.type)
    if pa.types.is_null(field.type):
        is_text = any(isinstance(value, str) for value in values)
    return "categorical" if is_text else "numerical"


def is_gone(past: pd.Series, present: pd.Series) -> bool:
    """Does the window hold no value of a column, while it should hold some by the gaps of the reference?"""
    return bool(present.isna().all() and past.isna().mean() ** len(present) < BY_CHANCE)


def gaps_moved(past: pd.Series, present: pd.Series) -> bool:
    """Are values missing more or less often than in the reference, by an exact test that holds in small windows, too?

    References:
        Fisher (1934), Statistical Methods for Research Workers, section 21.02.
    """
    counts = [[int(part.isna().sum()), int(part.notna().sum())] for part in (past, present)]
    moved = abs(past.isna().mean() - present.isna().mean())
    return bool(moved >= FEW_GAPS and fisher_exact(counts).pvalue < BY_CHANCE)


def limit(past: pd.Series, present: pd.Series, params: DriftParams) -> float:
    """The distance at which a column counts as drifted: with few values, chance alone goes far."""
    chance = math.sqrt(1 / past.count() + 1 / present.count())
    return max(params.threshold, CHANCE * chance)


def report(
    past: pd.DataFrame, present: pd.DataFrame, kinds: Mapping[str, str], limits: dict[str, float], share: float
) -> tuple[dict[str, float], str]:
    """Evidently's comparison of the columns in `kinds`: their distances, and its page.

    From this share of drifted columns on, the page speaks of drift. Names and levels that are HTML, which Evidently
    would put there as they are, are text to it.
    """
    names = harmless(kinds)
    past, present = (frame[list(kinds)].rename(columns=names) for frame in (past, present))
    categorical = [names[name] for name, kind in kinds.items() if kind == "categorical"]
    for name in categorical:
        levels = harmless(sorted({str(level) for level in (*past[name].dropna(), *present[name].dropna())}))
        for frame in (past, present):
            frame[name] = frame[name].map(lambda level, levels=levels: levels[str(level)], na_action="ignore")
    numerical = [name for name in names.values() if name not in categorical]
    definition = DataDefinition(numerical_columns=numerical, categorical_columns=categorical)
    preset = DataDriftPreset(
        columns=list(names.values()),
        num_method="wasserstein",
        cat_method="jensenshannon",
        per_column_threshold={names[name]: distance for name, distance in limits.items()},
        drift_share=share,
    )
    snapshot = Report([preset], include_tests=True).run(
        Dataset.from_pandas(present, definition), Dataset.from_pandas(past, definition)
    )
    found = {
        metric["config"]["column"]: float(metric["value"])
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith(":ValueDrift")
    }
    return {name: found[names[name]] for name in kinds}, snapshot.get_html_str(as_iframe=False)


def pool_rare(past: pd.Series, present: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Levels that are rare in the reference as one: chance alone moves each of a hundred small shares.

    Another one is made of those that the reference does not name, unless they are frequent now.
    """
    shares, now = past.value_counts(normalize=True), present.value_counts(normalize=True)
    rare = shares.index[shares < COMMON_SHARE].difference([RARE])
    new = now.index[now < NEW_SHARE].difference(shares.index)
    return past.mask(past.isin(rare), POOLED), present.mask(present.isin(rare), POOLED).mask(present.isin(new), RARE)


def as_series(values: list[Any], kind: str) -> pd.Series:
    """A column as Evidently takes it; dates, which a log holds as text, become days."""
    if kind == "categorical":
        return pd.Series(values, dtype="object")
    present = [value for value in values if value is not None]
    if present and isinstance(present[0], (str, datetime)):
        return (pd.to_datetime(pd.Series(values), format="ISO8601") - EPOCH) / pd.Timedelta(days=1)
    return pd.Series(values, dtype="float64")


def drift(data: Path | None, log: str | None, out: Path) -> int:
    """Compare a file, or what a log has (that of the settings where neither is given), and say what was found.

    Returns:
        The exit status: NO_DRIFT, TOO_LITTLE or DRIFT.

    Raises:
        UserError: bundle, file or log cannot be read.
    """
    params, environment = load_params().drift, Environment()
    bundle = Bundle.load(environment.bundle, environment.device)
    if data:
        columns = file_columns(data, bundle.contract, params.window_rows)
    else:
        log = log or environment.prediction_log
        columns = logged_columns(log, bundle.manifest.model_version, params.window_rows)
    rows = len(next(iter(columns.values()), []))
    if rows < params.minimum_rows:
        of = "" if data else f" that model {bundle.manifest.model_version} of {bundle.path} answered"
        print(f"drift: {rows} records{of} are too few to say, {params.minimum_rows} are needed")
        return TOO_LITTLE
    described = bundle.describe(columns) if data else columns  # what is logged is described already
    result = compare(described, bundle, params, out)
    print(f"drift: {verdict(result)}")
    print(f"drift: {out / 'drift.html'}")
    return DRIFT if result["drift"] else NO_DRIFT
