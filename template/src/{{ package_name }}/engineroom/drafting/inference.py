"""A first contract.yaml for one's own data: `make contract`.

It says what a sample shows and no more: ranges and levels are noted, not enforced, and a doubt becomes a
comment for a person to settle. `profile` finds out what one column tells, `draft` writes the file.
"""

import difflib
import filecmp
import re
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path
from reprlib import repr as shown
from typing import Any

import pandas as pd
import yaml

from .. import contract
from ..contract import ContractError, Quality, Source, Type
from ..encoding import FEATURES, PARSERS
from ..judging import TELLING_ROWS, telling
from ..reading import FILE, SourceError, files_of, naming_files, read_chunks, snapshot, sniff
from ..settings import LeakageParams
from ..showing import percent
from .draft import Draft, render
from .profile import LEVELS, MOST, Profile, distinct, examine, is_prose
from .target import examine_target, predicts_numbers

SAMPLE_ROWS = 100_000
RAW = Path("data/raw")
SECRET = re.compile(r"://[^/:]*:(?!\$\{|\d+/)[^@]*@|(?i:pass|pwd|secret|token)\w*=(?!\$\{)")
DATABASES = (".db", ".sqlite", ".sqlite3")


def infer(source: Source, target: str, types: tuple[Type, ...], numbers: bool | None = None) -> Draft:
    """A draft for the first records of a source; features are of these `types`.

    The target is one of `numbers`, or of classes; None leaves it open.

    Raises:
        SourceError: the source cannot be read.
        ContractError: no such target, or one that this project cannot predict.
    """
    sample = next(read_chunks(source, SAMPLE_ROWS))
    names = [str(name) for name in sample]
    if target not in names:
        likely = difflib.get_close_matches(target, names) or names[:30]
        raise ContractError(f"{source.path} has no column {target!r}; choose one of {', '.join(likely)}")
    repeats = sample.astype(str).duplicated().to_numpy()
    # Repeated records would hide identifiers, unless a record has so few columns that repeats are natural.
    records = sample[~repeats] if repeats.mean() < 0.5 else sample
    predicted, section = _target(target, records[target].tolist(), source.decimal, numbers)
    others = {name: _other(name, records[name].tolist(), source, types) for name in names if name != target}
    features = [o for o in others.values() if o.spec["type"] not in ("id", "ignored") and "role" not in o.spec]
    if not features:
        raise ContractError(f"{source.path}: no column but {target!r} can be a feature; add columns to the data")
    if len(features) == 1:
        _require(features[0])
    profiles = [others.get(name, predicted) for name in names]
    told_apart = any(f.spec["type"] == "id" and _tells_apart(sample.loc[~repeats, f.name]) for f in others.values())
    duplicates = "drop" if told_apart else "keep"
    draft = Draft(source, section, profiles, len(records), int(repeats.sum()), duplicates)
    _note_near_copies(draft, predicted)
    return draft


def _tells_apart(ids: pd.Series) -> bool:
    """Whether nearly every record has its own: equal records are then the same one again."""
    return bool(ids.nunique() >= MOST * len(ids))


def _other(name: str, raw: list[Any], source: Source, types: tuple[Type, ...]) -> Profile:
    """A column that may tell the target: files are features as they are, a table's columns if the model takes such."""
    if name in source.files or (types[0] in PARSERS and any(isinstance(value, bytes) for value in raw)):
        return Profile(name, {"type": types[0]}, raw)
    if name == FILE and source.path.is_dir():
        return Profile(name, {"type": "id"}, raw)
    profile = examine(name, raw, source.decimal)
    kind = profile.spec["type"]
    if kind not in ("id", "ignored", *types) and "role" not in profile.spec:
        _set_aside(profile, types)
    return profile


def _require(only: Profile) -> None:
    """A record without its only feature says nothing: a request must have it, where the data nearly always do."""
    if only.spec.get("nullable"):
        note = (
            f"the only feature, {percent(only.missing)} missing: with nullable: true, an empty request gets an answer"
        )
        if 1 - only.missing >= Quality().completeness:
            del only.spec["nullable"]
        else:
            note += "; if it must not, take nullable out, and the records without from the data"
        only.notes.append(note)


def _set_aside(profile: Profile, types: tuple[Type, ...]) -> None:
    """Make a column no feature, as the model takes none of its type.

    Few levels still serve to report quality by them, and many may be texts that somebody wrote.
    """
    kind, levels = profile.spec["type"], set(profile.present)
    if kind in ("category", "boolean") and len(levels) <= LEVELS:
        profile.spec["role"] = "sensitive"
        profile.notes.append("the model does not see it: quality is reported for each value")
    elif kind == "category" and "text" in types and is_prose(levels):
        profile.spec["type"] = "text"
    else:
        if kind == "datetime":
            profile.notes = ["type: datetime, role: time tests on the newest records"]
        profile.ignore(f"of type {kind}, the model only takes {', '.join(types)}")


def _target(name: str, raw: list[Any], decimal: str, numbers: bool | None) -> tuple[Profile, dict[str, Any]]:
    """The target's column and its section. Raises ContractError when this project cannot predict it."""
    if any(isinstance(value, (list, dict)) for value in raw):
        raise ContractError(f"{name!r} holds lists or objects: choose another target")
    values = distinct(raw)
    if len(values) < 2:
        found = f"is always {shown(values[0])}" if values else "is empty"
        raise ContractError(f"{name!r} {found} in these records, so there is nothing to predict: choose another target")
    profile, section = examine_target(name, raw, values, decimal, numbers)
    if gaps := len(raw) - len(profile.present):
        profile.spec["nullable"] = True
        profile.notes.append(f"{gaps:,} records have none and cannot be learned from")
    return profile, {"name": name} | section


def _note_near_copies(draft: Draft, target: Profile) -> None:
    """Note the columns that tell the target by themselves or together, as the pipeline would stop for them."""
    profiles = {profile.name: profile for profile in draft.profiles if profile.spec["type"] not in PARSERS}
    frame = pd.DataFrame({name: profile.values for name, profile in profiles.items()}).dropna(subset=[target.name])
    if len(frame) < TELLING_ROWS:
        return
    doubt = "known before the outcome? If not: type: ignored"
    alone, together = telling(frame, contract.parse(draft.content, "the draft"), LeakageParams(), seed=0)
    for name, score in alone.items():
        profiles[name].notes.insert(0, f"tells the target all by itself ({score:.3f}): is it {doubt}")
    for names, rule in together:
        for name in names:
            others = " and ".join(shown(other) for other in names if other != name)
            profiles[name].notes.insert(0, f"makes up the target with {others} ({rule}): are they {doubt}")


def locate(data: str, query: str, types: tuple[Type, ...]) -> Source:
    """Where to read a sample: a file as it is, or a fresh snapshot of a database's records; files for some `types`.

    Raises:
        SourceError: the URL holds a password, or neither file nor database can be read.
    """
    if "://" not in data and not data.startswith("${"):
        path = Path(data)
        if path.suffix.lower() in DATABASES:
            raise SourceError(f"{path} is a database: give DATA=sqlite:///{path} QUERY=table")
        source = sniff(path, types[0] if types[0] in PARSERS else "")
        files = naming_files(source) if types[0] in PARSERS and not source.files else source.files
        return source.model_copy(update={"files": files})
    if SECRET.search(data):
        raise SourceError(
            "the URL holds a password, which contract.yaml must not: write DATABASE_URL=... into .env and give "
            "DATA='${DATABASE_URL}'"
        )
    source = Source(path=RAW / "snapshot.parquet", url=data, query=query)
    snapshot(source)
    return source


def adopt(source: Source) -> Source:
    """The source with its files in data/raw, which DVC keeps and the pipeline watches: others are copied there.

    Raises SourceError when another file of that name lies there, or one that the source names is missing.
    """
    path, raw = source.path.resolve(), Path.cwd() / RAW
    if path.is_relative_to(raw):
        return source.model_copy(update={"path": path.relative_to(Path.cwd())})
    if raw.resolve() != raw:
        raise SourceError(f"{RAW} is or lies behind a link, where DVC stores nothing: make it a folder")
    if raw.is_relative_to(path):
        raise SourceError(f"{source.path} is the folder of {RAW}: give the file or the folder of the data alone")
    source = source.model_copy(update={"path": path})  # behind a link the files lie elsewhere
    _unlink(RAW / path.name)
    for file in dict.fromkeys([*([] if path.is_dir() else [source.path]), *files_of(source)]):
        _copy(file, RAW / file.relative_to(source.path.parent))
    print(f"{path} is copied to {RAW / path.name}: the pipeline reads the copy")
    return source.model_copy(update={"path": RAW / path.name})


def _copy(file: Path, kept: Path) -> None:
    if not file.is_file():
        raise SourceError(f"{file}: no such file, but the data names it: add it, or take its record out")
    _unlink(kept)
    if kept.exists() and not filecmp.cmp(file, kept, shallow=False):
        raise SourceError(f"{kept} is there already and differs from {file}: remove or rename one of them")
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, kept)


def _unlink(kept: Path) -> None:
    """Make room where a link stands: a copy would land in what it leads to."""
    if kept.is_symlink():
        kept.unlink()


def write(draft: Draft, out: Path) -> None:
    """Put the draft in the contract's place; what was there is kept under a number of its own."""
    if out.exists():
        names = (out.with_name(f"{out.name}.{number}.bak") for number in count(1))
        out.replace(backup := next(name for name in names if not name.exists()))
        print(f"{out} was there already: kept as {backup}")
    out.write_text(render(draft), encoding="utf-8")


def summarise(draft: Draft) -> None:
    print(f"{draft.source.path}: looked at {draft.rows:,} records; {draft.repeated:,} repeated ones\n")
    width = max(len(profile.name) for profile in draft.profiles)
    for profile in draft.profiles:
        gaps = percent(profile.missing) if profile.missing else ""
        line = f"  {profile.name:<{width}}  {profile.spec['type']:<8}  {gaps:>6}  {'; '.join(profile.notes)}"
        print(line.rstrip())
    positive = f", positive class {draft.target['positive']!r}" if "positive" in draft.target else ""
    print(f"\n{contract.PATH} predicts {draft.target['name']!r} ({draft.target['kind']}{positive}).")
    read = {draft.source.path, *files_of(draft.source)}
    if unread := sorted(path.name for path in RAW.glob("*") if path.is_file() and path not in read):
        print(f"{RAW} also holds {', '.join(unread)}, which nothing reads now: remove what you do not need.")


def types_before(path: Path) -> tuple[Type, ...]:
    """The types of the features that the project takes, by the contract in its place; of a table where none tells."""
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError):
        content = None
    columns = content.get("columns") if isinstance(content, dict) else None
    stated = [column for column in columns.values() if isinstance(column, dict)] if isinstance(columns, dict) else []
    found = [column.get("type") for column in stated if "feature" in column.get("role", "feature")]
    return next((FEATURES[modality] for modality in ("image", "text") if modality in found), FEATURES["table"])


def infer_contract(data: str, target: str, query: str = "") -> None:
    """Write a first contract.yaml for a file, a folder of files or a SQLAlchemy URL, and say what was found.

    Raises:
        UserError: it cannot be read, or `target` cannot be predicted.
    """
    types = types_before(contract.PATH)
    source = locate(data, query, types)
    draft = infer(source, target.strip(), types, predicts_numbers(contract.PATH))
    draft = replace(draft, source=adopt(source))
    write(draft, contract.PATH)
    summarise(draft)
