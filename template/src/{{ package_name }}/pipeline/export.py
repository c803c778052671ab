"""The best candidate as a bundle: graph, reference for drift, golden records that prove it, and where it comes from."""

import platform
import shutil
import subprocess
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from .. import model
from ..artifacts import CANDIDATE, INGEST, read_json
from ..bundle import MODEL, REFERENCE, Bundle, Golden, Manifest, digest, save
from ..contract import PATH as CONTRACT
from ..records import to_raw
from ..settings import PARAMS, Params
from ..task import Decision
from . import PipelineError
from .fold import Fold
from .table import columns_of, read_part, write

GOLDEN_RECORDS, GOLDEN_DRAW = 5, 50


def export(fitted: Any, decision: Decision, fold: Fold) -> Bundle:
    """Write the bundle and load it again, as the service will."""
    shutil.rmtree(CANDIDATE, ignore_errors=True)
    CANDIDATE.mkdir(parents=True)
    try:
        output = model.export(fitted, fold.inputs, CANDIDATE / MODEL)
    except ValueError as error:
        raise PipelineError(str(error)) from None
    manifest = Manifest(
        contract_digest=fold.judge.contract.digest,
        inputs=tuple(fold.inputs),
        output=output,
        decision=decision,
        golden=(),
        lineage=lineage(),
    )
    write(pa.table({}), CANDIDATE / REFERENCE)
    save(CANDIDATE, CONTRACT, fold.encoder, manifest)
    # Embeddings of the reference and scores of golden records are what this very graph gives.
    draft, train, params = Bundle.load(CANDIDATE), read_part("train"), fold.judge.params
    write(reference(draft, train, read_part("validation"), params), CANDIDATE / REFERENCE)
    golden = golden_records(draft, train, params.seed)
    save(CANDIDATE, CONTRACT, fold.encoder, manifest.model_copy(update={"golden": golden}))
    return Bundle.load(CANDIDATE)


def reference(bundle: Bundle, train: pa.Table, validation: pa.Table, params: Params) -> pa.Table:
    """What drift is measured against: held-out records, and training records up to the number wanted.

    A model knows its training records, so their embeddings are unlike those of any others: these are left out.
    """
    held_out = bundle.describe(columns_of(validation))
    wanted = max(0, params.drift.reference_rows - validation.num_rows)
    rows = np.random.default_rng(params.seed).permutation(train.num_rows)[:wanted]
    known = bundle.describe(columns_of(train.take(np.sort(rows))), np.empty((len(rows), 0)))
    return pa.table({name: known.get(name, [None] * len(rows)) + values for name, values in held_out.items()})


def golden_records(bundle: Bundle, train: pa.Table, seed: int) -> tuple[Golden, ...]:
    """Raw records with the scores that the bundle gives them: of a draw with few gaps those with the smallest pictures.

    They stand in the bundle, in the examples of the service's description, and in front of people.
    """
    contract = bundle.contract
    shown = [*contract.features, *contract.with_role("time"), *(rule.column for rule in contract.eligibility)]
    gaps = np.sum([train.column(name).is_null().to_numpy() for name in contract.features], axis=0)
    rows = np.random.default_rng(seed).permutation(train.num_rows)
    drawn = rows[np.argsort(gaps[rows], kind="stable")][:GOLDEN_DRAW]
    records = train.select(list(dict.fromkeys(shown))).take(drawn).to_pylist()
    small = sorted(records, key=picture_bytes)[:GOLDEN_RECORDS]
    return tuple(Golden(record=to_raw(contract, one), scores=bundle.scores_one(one)[0].tolist()) for one in small)


def picture_bytes(record: dict[str, Any]) -> int:
    return sum(len(value) for value in record.values() if isinstance(value, bytes))


def lineage() -> dict[str, str]:
    """Where the model comes from: code, data, parameters and the libraries that matter to its numbers."""
    libraries = ("numpy", "onnxruntime", *model.LIBRARIES)
    return {
        "git_sha": git_sha(),
        "data_sha256": read_json(INGEST)["data_sha256"],
        "params_sha256": digest(PARAMS),
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
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
