"""The bundle: one folder that holds all a prediction needs, and proves that it is whole.

    model.onnx         the graph: encoded inputs to scores
    encoder.json       what the encoder learned from the training part
    contract.yaml      the contract the model was trained under
    reference.parquet  what drift looks at, of records that the model learned from or was judged by: column by column
    bundle.json        names, decision, golden records that nobody has, lineage
    SHA256SUMS         the digest of each file above, as `sha256sum --check` reads it

Saving is training's business, loading everybody's. Loading needs ONNX Runtime and NumPy, and runs no code from the
bundle.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from .. import contract as contracts
from ..artifacts import SUMS, digest
from ..contract import Contract, UserError, mistakes_of
from ..encoding import Columns, Encoder, Inputs, Record, load_encoder
from ..judging import AnyDecision
from ..settings import Device
from .runtime import session

FORMAT = 4
MODEL, ENCODER, CONTRACT, REFERENCE, MANIFEST = FILES = (
    "model.onnx",
    "encoder.json",
    "contract.yaml",
    "reference.parquet",
    "bundle.json",
)
COMPONENTS_OUTPUT = "components"  # second output of a graph that has one; a layer of the graph may be called embedding
EMBEDDING = "embedding "  # what drift calls each of them, with its number
RUN_ROWS = 256  # at a time: what a network computes in between takes memory
MAX_BYTES = 2 * 1024**3
MAX_OTHER_BYTES = 256 * 1024**2
GOLDEN_TOLERANCE = 1e-5


class BundleError(UserError):
    """The bundle is incomplete, altered, foreign or newer than this code; the message says which."""


class Golden(BaseModel):
    """A raw record that nobody has, with the scores it must get."""

    record: dict[str, Any]
    scores: list[float]


class Manifest(BaseModel):
    """What `bundle.json` says of the other files, the decision and where the model comes from."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    format: int = FORMAT
    model_version: str = ""  # known when all other files are written
    contract_digest: str
    inputs: tuple[str, ...]
    output: str
    decision: AnyDecision
    golden: tuple[Golden, ...]
    lineage: dict[str, str]


@dataclass(frozen=True)
class Bundle:
    """A verified model, ready to score. In its contract, features that it was trained without are ignored."""

    path: Path
    manifest: Manifest
    contract: Contract
    encoder: Encoder
    session: onnxruntime.InferenceSession

    @property
    def decision(self) -> AnyDecision:
        return self.manifest.decision

    @classmethod
    def load(cls, path: Path, device: Device = "auto") -> Self:
        """Read every file once, verify its digest, then load what was read.

        Raises:
            BundleError: in one sentence, when a file is missing, altered, too large or does not fit the others.
        """
        content = _read(path)
        manifest = _manifest(path, content[MANIFEST])
        if manifest.model_version != version_of(content, manifest.decision):
            raise BundleError(f"bundle {path}: {MANIFEST} is that of another model, or was altered")
        try:
            contract = contracts.loads(content[CONTRACT], CONTRACT)
            encoder = load_encoder(content[ENCODER])
        except (contracts.ContractError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise BundleError(f"bundle {path}: does not fit this version of the code: {reason}") from None
        if contract.digest != manifest.contract_digest:
            raise BundleError(f"bundle {path}: was trained under another contract than the one it holds")
        try:
            bundle = cls(path, manifest, contract.without(encoder.dropped), encoder, session(content[MODEL], device))
            scores = bundle.scores_one({})
        except Exception as error:  # ONNX Runtime's errors have no class of their own
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise BundleError(f"bundle {path}: {MODEL} does not run on what {ENCODER} gives: {reason}") from None
        taken = {port.name for port in bundle.session.get_inputs()}
        if taken != set(manifest.inputs) or manifest.output not in bundle.outputs:
            raise BundleError(f"bundle {path}: {MODEL} takes other inputs or gives other outputs than {MANIFEST} says")
        shapes = {scores.shape, *((1, len(golden.scores)) for golden in manifest.golden)}
        if shapes != {(1, manifest.decision.outputs)} or not np.isfinite(scores).all():
            raise BundleError(f"bundle {path}: {MODEL} does not give the scores that {MANIFEST} decides by")
        return bundle

    def scores(self, columns: Columns) -> np.ndarray:
        """Typed columns of n records -> scores (n, classes) or (n, 1), float64."""
        return self.run(self.encoder.encode(columns))

    def scores_one(self, record: Record) -> np.ndarray:
        """One typed record -> scores (1, classes) or (1, 1), float64."""
        return self.run(self.encoder.encode_one(record))

    def run(self, inputs: Inputs) -> np.ndarray:
        """Inputs of n records -> scores (n, classes) or (n, 1), float64."""
        return self.infer(inputs)[0]

    @cached_property
    def outputs(self) -> list[str]:
        """Those of the graph that are asked for: the scores, and the embedding where there is one."""
        named = {port.name for port in self.session.get_outputs()}
        return [name for name in (self.manifest.output, COMPONENTS_OUTPUT) if name in named]

    def infer(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """Inputs of n records -> scores, and the leading components of the model's embedding (n, k); k may be 0."""
        rows = len(next(iter(inputs.values())))
        if rows <= RUN_ROWS:
            found = self.session.run(self.outputs, inputs)
        else:
            parts = [
                self.session.run(
                    self.outputs, {name: array[start : start + RUN_ROWS] for name, array in inputs.items()}
                )
                for start in range(0, rows, RUN_ROWS)
            ]
            found = [np.concatenate(part) for part in zip(*parts, strict=True)]
        return found[0].astype(np.float64), found[1] if len(found) > 1 else np.empty((rows, 0))

    def describe(self, columns: Columns, embedding: np.ndarray | None = None) -> dict[str, list[Any]]:
        """What drift looks at, column by column: `embedding` is what `infer` gave for these records."""
        if embedding is None and COMPONENTS_OUTPUT in self.outputs:
            embedding = self.infer(self.encoder.encode(columns))[1]
        parts = () if embedding is None else embedding.T
        components = {f"{EMBEDDING}{place + 1}": part.tolist() for place, part in enumerate(parts)}
        return self.encoder.describe(columns, self.contract) | components


def save(path: Path, contract_file: Path, encoder: Encoder, manifest: Manifest) -> None:
    """Complete a folder that already holds model.onnx and reference.parquet. The digests are written last."""
    (path / ENCODER).write_text(encoder.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (path / CONTRACT).write_bytes(contract_file.read_bytes())
    version = version_of({name: (path / name).read_bytes() for name in FILES[:-1]}, manifest.decision)
    named = manifest.model_copy(update={"model_version": version})
    (path / MANIFEST).write_text(named.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (path / SUMS).write_text("".join(f"{digest(path / name)}  {name}\n" for name in FILES), encoding="utf-8")


def version_of(content: Mapping[str, bytes], decision: AnyDecision) -> str:
    """What tells a model from all others: a digest of all but the manifest, and of how it decides."""
    digests = [hashlib.sha256(content[name]).hexdigest() for name in FILES[:-1]]
    return hashlib.sha256(json.dumps([*digests, decision.model_dump()]).encode()).hexdigest()[:12]


def _manifest(path: Path, raw: bytes) -> Manifest:
    try:
        content = from_json(raw)
    except ValueError:
        raise BundleError(f"bundle {path}: {MANIFEST} is not JSON") from None
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise BundleError(f"bundle {path}: has format {found!r}, this code reads {FORMAT}: run `make pipeline`")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise BundleError(f"bundle {path}: {MANIFEST}: {'; '.join(mistakes_of(error))}") from None


def _read(path: Path) -> dict[str, bytes]:
    """Every file of a bundle, each byte of it as it was saved; the list of digests may hold nothing else either."""
    content = {name: _bytes(path, name) for name in (*FILES, SUMS)}
    listed = content[SUMS].splitlines(keepends=True)
    if len(listed) != len(FILES):
        raise BundleError(f"bundle {path}: {SUMS} must list {len(FILES)} files, it lists {len(listed)}")
    for name, line in zip(FILES, listed, strict=True):
        if line != f"{hashlib.sha256(content[name]).hexdigest()}  {name}\n".encode():
            raise BundleError(f"bundle {path}: {name} is not the file that was saved, or {SUMS} was altered")
    return content


def _bytes(path: Path, name: str) -> bytes:
    most = MAX_BYTES if name == MODEL else MAX_OTHER_BYTES
    if not (path / name).is_file():
        raise BundleError(f"bundle {path}: {name} is missing; `make pipeline` makes a whole bundle")
    if (path / name).resolve().parent != path.resolve():
        raise BundleError(f"bundle {path}: {name} is a link to another folder: copy the file itself there")
    with (path / name).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size > most or len(content := file.read(most)) != size:
            raise BundleError(f"bundle {path}: {name} is larger than {most:,} bytes, or is being written")
    return content
