"""contract.yaml as one likes to edit it: a line for a column, doubts as comments, defaults spelled out."""

import re
from dataclasses import dataclass
from typing import Any

from .contract import Acceptance, Costs, Quality, Source, Split
from .profile import Finding

WIDTH = 110
PLAIN = re.compile(r"[^\W\d][\w./%+]*(?:[ -][\w./%+]+)*")
WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan"}  # not always read as text
COSTS = {
    "binary": ("true_positive", "false_positive", "true_negative", "false_negative"),
    "multiclass": ("misclassified",),
    "continuous": ("over", "under"),
}


@dataclass(frozen=True)
class Draft:
    """What contract.yaml will say; `rows` and `repeated` count the records that were looked at."""

    source: Source
    target: dict[str, Any]
    findings: list[Finding]
    rows: int
    repeated: int


def render(draft: Draft) -> str:
    """The whole file; it loads, whatever names and values the data have."""
    kind, quality, acceptance, split = draft.target["kind"], Quality(), Acceptance(), Split()
    rows = max(1, min(quality.minimum_rows, draft.rows // 2))
    columns = "\n".join(map(_column, draft.findings))
    costs = "\n".join(f"  {name}: {getattr(Costs(), name):g}" for name in COSTS[kind])
    per = "unit of error" if kind == "continuous" else "record"
    return f"""\
# What is predicted, from which data, and what counts as good. Inferred from {draft.rows:,} records: a draft
# for a person to correct, as what was seen in a sample is no rule. docs/contract.md explains every key.

version: 1

problem:
  name: {scalar(f"Predict {draft.target['name']}")}
  goal: ""        # what shall get better, for whom
  decision: ""    # what is done with a prediction
  owner: ""       # who answers for the model
  scope: ""       # where it may be used, and where not
  risks: []       # what can go wrong, a sentence each

source:
{_mapping(_source(draft.source))}

target:
{_mapping(draft.target)}

# type: number, integer, category, ordinal (with order: [low, ..., high]), datetime, boolean, id, ignored
# role: feature unless said otherwise; target, id, time (the newest records are the test set), group (kept
#       together in a split), sensitive (quality is reported for each level), pii (dropped or hashed)
# outside: accept takes values beyond min, max and allowed; remove it where they are a rule
columns:
{columns}

# Records that are in scope, such as: - {{column: age, min: 18, reason: adults only}}
eligibility: []

quality:
  minimum_rows: {rows}
  completeness: {quality.completeness}         # least share of values in a column that is not nullable
  drop_above_missing: {quality.drop_above_missing}    # an emptier feature is left out
  duplicates: {quality.duplicates}           # or refuse, keep
  near_copies_allowed: []    # columns that may tell the target all by themselves

acceptance:
  # metric: the task's own unless named here
  # minimum: 0.8             # of that metric, on the test set
  margin: {acceptance.margin:g}                  # least improvement over the baseline
  slice_minimum_rows: {acceptance.slice_minimum_rows}     # smaller slices are not judged
  latency_ms: {acceptance.latency_ms:g}             # 95th percentile of one prediction

costs:                       # per {per}; they decide which model and threshold is best
  currency: {Costs().currency}
{costs}

split:
  train: {split.train}
  validation: {split.validation}
  test: {split.test}
  stratify: true             # every part has the same share of each class
"""


def _source(source: Source) -> dict[str, Any]:
    given = {"path": source.path.as_posix(), "url": source.url, "query": source.query}
    written = {"delimiter": source.delimiter, "decimal": source.decimal, "encoding": source.encoding}
    return {key: value for key, value in given.items() if value} | ({} if source.url else written)


def _mapping(mapping: dict[str, Any]) -> str:
    remarks = {"positive": "    # the class whose probability is reported"}
    return "\n".join(f"  {key}: {scalar(value)}{remarks.get(key, '')}" for key, value in mapping.items())


def _column(finding: Finding) -> str:
    """One line for a column, its notes above; long lists of levels go over several lines."""
    notes = "".join(f"  # {note}\n" for note in finding.notes)
    parts = [f"{key}: {_inline(value)}" for key, value in finding.spec.items()]
    line = f"  {scalar(finding.name)}: {{{', '.join(parts)}}}"
    if len(line) > WIDTH:
        parts = [f"allowed:\n{_wrapped(finding.spec['allowed'])}" if p.startswith("allowed:") else p for p in parts]
        line = f"  {scalar(finding.name)}:\n" + "\n".join(f"    {part}" for part in parts)
    return notes + line


def _inline(value: Any) -> str:
    return f"[{', '.join(map(scalar, value))}]" if isinstance(value, list) else scalar(value)


def _wrapped(levels: list[str]) -> str:
    lines = ["      ["]
    for level in levels:
        if len(lines[-1]) + len(scalar(level)) > WIDTH:
            lines.append("       ")
        lines[-1] += f"{scalar(level)}, "
    return "\n".join(line.rstrip() for line in lines).removesuffix(",") + "]"


def scalar(value: Any) -> str:
    """A value that YAML reads back as it is; text is quoted unless nobody could take it for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        text = f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
        return text if "e" not in text or "." in text else text.replace("e", ".0e")  # YAML wants 1.0e-05
    if PLAIN.fullmatch(value) and value.lower() not in WORDS and len(value) < WIDTH:
        return str(value)
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
