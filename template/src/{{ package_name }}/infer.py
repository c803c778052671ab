"""A first contract.yaml for one's own data: `python -m <package>.infer --data FILE_OR_URL --target COLUMN`.

It says what a sample shows and no more: ranges and levels are noted, not enforced, and a doubt becomes a
comment for a person to settle. `profile` finds out what one column tells, `draft` writes the file.
"""

import argparse
import difflib
import filecmp
import os
import re
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from . import contract
from .contract import ContractError, Source
from .draft import Draft, render
from .profile import Finding, distinct, examine, gives_away, number_type, observed_range, reads, shown, typed
from .records import MISSING
from .source import SourceError, read_chunks, snapshot, sniff
from .task import KINDS

SAMPLE_ROWS = 100_000
RAW = Path("data/raw")
SECRET = re.compile(r"://[^:@/]*:(?!\$\{\w+\}@).*@|(?i:pass|pwd|secret|token)\w*(=|%3D)(?!\$\{)")
FEW_LEVELS, MANY_LEVELS = 20, 100  # a whole number with few is a class; a text with many is none
RARE = 10  # records of a class below which neither learning nor measuring makes sense
POSITIVE = {"1", "1.0", "true", "t", "yes", "y", "positive", "event"}
POSITIVE |= {"churn", "churned", "default", "fraud", "failure", "failed", "died"}


def infer(source: Source, target: str, kinds: tuple[str, ...] = KINDS) -> Draft:
    """A draft for the first records of a source.

    Raises:
        SourceError: the source cannot be read.
        ContractError: no such target, or one that this project cannot predict.
    """
    sample = _sample(source)
    names = [str(name) for name in sample]
    if target not in names:
        raise ContractError(f"{source.path} has no column {target!r}; {_instead(target, names)}")
    repeats = sample.astype(str).duplicated().to_numpy()
    # Repeated records would hide identifiers, unless a record has so few columns that repeats are natural.
    records = sample[~repeats] if repeats.mean() < 0.5 else sample
    predicted, section = _target(target, records[target].tolist(), source.decimal, kinds)
    findings = [_finding(name, records[name].tolist(), source.decimal, predicted) for name in names]
    if all(f.spec["type"] in ("id", "ignored") or "role" in f.spec for f in findings):
        raise ContractError(f"{source.path}: no column but {target!r} can be a feature; add columns to the data")
    return Draft(source, section, findings, len(records), int(repeats.sum()))


def _instead(target: str, names: list[str]) -> str:
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(target.casefold(), folded, n=3)
    if close:
        return f"did you mean {' or '.join(repr(folded[name]) for name in close)}?"
    return f"choose one of {', '.join(names[:30])}{', ...' if len(names) > 30 else ''}"


def _sample(source: Source) -> pd.DataFrame:
    chunks, rows = [], 0
    for chunk in read_chunks(source):
        chunks.append(chunk)
        rows += len(chunk)
        if rows >= SAMPLE_ROWS:
            break
    return pd.concat(chunks, ignore_index=True)


def _finding(name: str, raw: list[Any], decimal: str, target: Finding) -> Finding:
    if name == target.name:
        return target
    finding = examine(name, raw, decimal)
    if finding.spec["type"] not in ("id", "ignored") and (note := gives_away(finding, target)):
        finding.notes.insert(0, note)
    return finding


def _target(name: str, raw: list[Any], decimal: str, kinds: tuple[str, ...]) -> tuple[Finding, dict[str, Any]]:
    """The target's column and its section: a number where this project predicts one, else classes."""
    if any(isinstance(value, (list, dict, bytes)) for value in raw):
        raise ContractError(f"{name!r} holds lists, objects or bytes: choose another target")
    values = distinct(raw)
    if len(values) < 2:
        found = f"is always {shown(values[0])}" if values else "is empty"
        raise ContractError(f"{name!r} {found} in these records, so there is nothing to predict: choose another target")
    numeric = reads(values, {"type": "number"}, decimal)
    if "continuous" in kinds and numeric:
        return _continuous(name, raw, values, decimal)
    if "continuous" in kinds:
        raise ContractError(
            f"{name!r} holds text such as {shown(values[0])}, this project predicts a number: choose another "
            "target or make a classification project"
        )
    if numeric and not (reads(values, {"type": "integer"}, decimal) and len(values) <= FEW_LEVELS):
        raise ContractError(
            f"{name!r} is continuous ({len(values):,} different numbers), this project predicts classes: "
            "choose another target or make a regression project"
        )
    return _classes(name, raw)


def _continuous(name: str, raw: list[Any], values: list[Any], decimal: str) -> tuple[Finding, dict[str, Any]]:
    kind, notes = number_type(values, decimal)
    finding = Finding(name, {"type": kind, "role": "target"}, typed(raw, {"type": kind}, decimal), notes)
    finding.spec |= observed_range(finding)
    if len(values) <= FEW_LEVELS:
        notes.append(f"only {len(values)} different numbers: are they classes?")
    _note_missing(finding)
    return finding, {"name": name, "kind": "continuous", "unit": ""}


def _classes(name: str, raw: list[Any]) -> tuple[Finding, dict[str, Any]]:
    """Labels are text as the data spells them, whole numbers too: they have names, not sizes."""
    finding = Finding(name, {"type": "category", "role": "target"}, typed(raw, {"type": "category"}, "."))
    counts = Counter(finding.present)
    _refuse_labels(name, counts, len(finding.present))
    finding.spec["allowed"] = sorted(counts)
    finding.notes += [f"only {n} records of {shown(label)}" for label, n in counts.items() if n < RARE]
    finding.notes += [
        f"does {shown(label)} mean missing? Then clear it" for label in counts if label.lower() in MISSING
    ]
    _note_missing(finding)
    if len(counts) > 2:
        return finding, {"name": name, "kind": "multiclass"}
    rarer = min(sorted(counts), key=lambda label: (label.lower() not in POSITIVE, counts[label]))
    return finding, {"name": name, "kind": "binary", "positive": rarer}


def _refuse_labels(name: str, counts: Counter[str], rows: int) -> None:
    if len(counts) > MANY_LEVELS or len(counts) > rows / 2:
        raise ContractError(
            f"{name!r} has {len(counts):,} different values in {rows:,} records, "
            f"such as {shown(min(counts))}, so it holds no classes: choose another target"
        )
    spellings: dict[str, str] = {}
    for label in counts:
        key = f"{float(label):g}" if re.fullmatch(r"\d+(\.0+)?", label) else label.casefold()
        if other := spellings.get(key):
            raise ContractError(f"{name!r} spells one class {other!r} and {label!r}: write it one way in the data")
        spellings[key] = label


def _note_missing(finding: Finding) -> None:
    gaps = len(finding.values) - len(finding.present)
    if gaps:
        finding.spec["nullable"] = True
        finding.notes.append(f"{gaps:,} records have none and cannot be learned from")


def locate(data: str, query: str) -> Source:
    """Where to read a sample: a file as it is, or a fresh snapshot of a database's records.

    Raises:
        SourceError: the URL holds a password, or neither file nor database can be read.
    """
    if "://" not in data and not data.startswith("${"):
        return sniff(Path(data))
    # `make` may have put the variable's value in its name's place already.
    url = next((f"${{{name}}}" for name, value in os.environ.items() if value == data), data)
    if SECRET.search(url):
        raise SourceError(
            "the URL holds a password, which contract.yaml must not: export the URL as DATABASE_URL and give "
            "DATA='${DATABASE_URL}'"
        )
    name = re.sub(r"\W+", "_", query.strip()) if re.fullmatch(r"\s*[\w.]+\s*", query) else "query"
    source = Source(path=RAW / f"{name}.parquet", url=url, query=query)
    snapshot(source)
    return source


def adopt(source: Source) -> Source:
    """The source with its file inside the project: one from elsewhere is copied into data/raw.

    Raises SourceError when another file of that name lies there.
    """
    if source.path.resolve().is_relative_to(Path.cwd()):
        return source.model_copy(update={"path": source.path.resolve().relative_to(Path.cwd())})
    kept = RAW / source.path.name
    if kept.exists() and not filecmp.cmp(source.path, kept, shallow=False):
        raise SourceError(f"{kept} is there already and differs from {source.path}: move or rename one of them")
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source.path, kept)
    return source.model_copy(update={"path": kept})


def write(draft: Draft, out: Path) -> None:
    """Put the draft in the contract's place once it loads; what was there is kept as `.bak`."""
    new = out.with_name(f"{out.name}.new")
    new.write_text(render(draft), encoding="utf-8")
    contract.load(new)
    if out.exists():
        out.replace(backup := out.with_name(f"{out.name}.bak"))
        print(f"{out} was there already: kept as {backup}")
    new.replace(out)


def summarise(draft: Draft) -> None:
    more = ", the first ones only" if draft.rows + draft.repeated >= SAMPLE_ROWS else ""
    print(f"{draft.source.path}: {draft.rows:,} records{more}; {draft.repeated:,} repeated ones\n")
    width = max(len(finding.name) for finding in draft.findings)
    for finding in draft.findings:
        role = str(finding.spec.get("role", "" if finding.spec["type"] in ("id", "ignored") else "feature"))
        gaps = f"{finding.missing:.1%}" if finding.missing else ""
        line = f"  {finding.name:<{width}}  {finding.spec['type']:<8}  {role:<7}  {gaps:>6}  "
        print((line + "; ".join(finding.notes)).rstrip())


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        source = locate(options.data, options.query)
        draft = infer(source, options.target.strip())
        draft = replace(draft, source=adopt(source))
        write(draft, options.out)
    except (ContractError, SourceError) as error:
        print(error, file=sys.stderr)
        return 1
    summarise(draft)
    positive = f", positive class {draft.target['positive']!r}" if "positive" in draft.target else ""
    print(f"\n{options.out} predicts {draft.target['name']!r} ({draft.target['kind']}{positive}).")
    print("Next: read it and settle the comments, write down goal and costs, then `make pipeline`.")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    options = argparse.ArgumentParser(description="Write a first contract.yaml for a file or a database.")
    options.add_argument("--data", required=True, help="CSV, Parquet or JSON lines file, or a SQLAlchemy URL")
    options.add_argument("--target", required=True, help="the column to predict")
    options.add_argument("--query", default="", help="table name or SELECT, for a database")
    options.add_argument("--out", type=Path, default=contract.PATH)
    return options.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
