"""The best candidate as a bundle: graph, reference for drift, golden records that prove it, and where it comes from."""

import platform
import shutil
import subprocess
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from ..artifacts import CANDIDATE, INGEST, digest, read_json
from ..bundle import MODEL, REFERENCE, Bundle, Golden, Manifest, save
from ..contract import PATH as CONTRACT
from ..judging import AnyDecision
from ..reading import Reader, columns_of, read_part, refused, to_raw, write_table
from ..settings import PARAMS, Params
from ..stages import PipelineError
from . import synthetic
from .fold import Fold

GOLDEN_RECORDS, GOLDEN_DRAW = 5, 100


def export(fitted: Any, decision: AnyDecision, fold: Fold) -> Bundle:
    """Write the bundle and load it again, as the service will."""
    shutil.rmtree(CANDIDATE, ignore_errors=True)
    CANDIDATE.mkdir(parents=True)
    try:
        output = fold.export(fitted, CANDIDATE / MODEL)
    except ValueError as error:
        raise PipelineError(str(error)) from None
    manifest = Manifest(
        contract_digest=fold.judge.contract.digest,
        inputs=tuple(fold.inputs),
        output=output,
        decision=decision,
        golden=(),
        lineage=lineage(fold.learner.framework.LIBRARIES),
    )
    write_table(pa.table({}), CANDIDATE / REFERENCE)
    save(CANDIDATE, CONTRACT, fold.encoder, manifest)
    # Embeddings of the reference and scores of golden records are what this very graph gives.
    draft, parts, params = Bundle.load(CANDIDATE), (read_part("train"), read_part("validation")), fold.judge.params
    write_table(reference(draft, *parts, params), CANDIDATE / REFERENCE)
    golden = golden_records(draft, *parts, params.seed)
    save(CANDIDATE, CONTRACT, fold.encoder, manifest.model_copy(update={"golden": golden}))
    return Bundle.load(CANDIDATE)


def reference(bundle: Bundle, train: pa.Table, validation: pa.Table, params: Params) -> pa.Table:
    """What drift is measured against: held-out records, and training records up to the number wanted, column by column.

    A model knows its training records, so their embeddings are unlike those of any others: these are left out. Which
    values make up a record is left out, too: drift compares columns.
    """
    held_out = bundle.describe(columns_of(validation))
    wanted = max(0, params.drift.reference_rows - validation.num_rows)
    learned = train.take(np.sort(np.random.default_rng(params.seed).permutation(train.num_rows)[:wanted]))
    known = bundle.describe(columns_of(learned), np.empty((learned.num_rows, 0)))
    columns = {name: known.get(name, [None] * learned.num_rows) + values for name, values in held_out.items()}
    owners = synthetic.owners_of(pa.concat_tables([learned, validation]), bundle.contract)
    return pa.table(synthetic.unlink(columns, owners, params.seed))


def golden_records(bundle: Bundle, train: pa.Table, validation: pa.Table, seed: int) -> tuple[Golden, ...]:
    """Raw records that nobody has, with the scores that the bundle gives them: of many, those with unlike scores.

    They stand in the bundle, in the examples of the service's description, and in front of people.

    Raises:
        PipelineError: the contract takes none of them.
    """
    contract, reader = bundle.contract, Reader(bundle.contract)
    named = [*contract.features, *contract.with_role("time"), *(rule.column for rule in contract.eligibility)]
    shown = list(dict.fromkeys(named))
    made = synthetic.draw(contract, shown, train, np.random.default_rng(seed), GOLDEN_DRAW)
    read = [(raw, *reader.one(raw)) for raw in (to_raw(contract, record) for record in made)]
    taken = [(raw, typed) for raw, typed, findings in read if not refused(findings)]
    if not taken:
        wrong = refused(read[0][2])[0]
        raise PipelineError(f"the contract takes no record that its columns make: {wrong.field}: {wrong.detail}")
    free = synthetic.of_nobody([{name: typed[name] for name in shown} for _, typed in taken], (train, validation))
    taken = [one for one, is_free in zip(taken, free, strict=True) if is_free] or taken
    scores = np.concatenate([bundle.scores_one(typed) for _, typed in taken])
    return tuple(Golden(record=taken[row][0], scores=scores[row].tolist()) for row in unlike(scores, GOLDEN_RECORDS))


def unlike(scores: np.ndarray, count: int) -> list[int]:
    """Rows whose scores are far apart: the first, then always the one that is furthest from those chosen."""
    chosen = [0]
    while len(chosen) < min(count, len(scores)):
        apart = np.abs(scores[:, None] - scores[chosen]).max(axis=2).min(axis=1)
        apart[chosen] = -1
        chosen.append(int(apart.argmax()))
    return chosen


def lineage(libraries: tuple[str, ...]) -> dict[str, str]:
    """Where the model comes from: code, data, parameters and the libraries that matter to its numbers."""
    return {
        "git_sha": git_sha(),
        "data_sha256": read_json(INGEST)["data_sha256"],
        "params_sha256": digest(PARAMS),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "onnxruntime", *libraries)},
    }


def git_sha() -> str:
    """The commit, with "-dirty" when files differ from it; "none" before the first commit.

    dvc.lock and data/raw.dvc do not count: the pipeline itself writes them, and data_sha256 tells the data.
    """
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode != 0:
        return "none"
    counted = ["--", ".", ":!dvc.lock", ":!data"]
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", *counted], check=False).returncode != 0
    return head.stdout.strip() + ("-dirty" if changed else "")
