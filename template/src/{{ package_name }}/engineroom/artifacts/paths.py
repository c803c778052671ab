"""Where the stages leave their files, and how JSON is read and written there."""

import hashlib
import json
from pathlib import Path
from typing import Any

CLEAN = Path("data/clean.parquet")
PARTS = Path("data/parts")
INGEST = Path("artifacts/ingest.json")
VALIDATION = Path("artifacts/validation.json")
SPLIT = Path("artifacts/split.json")
TUNING = Path("artifacts/tuning.json")
TRAINING = Path("artifacts/training.json")
CHECKPOINTS = Path("artifacts/checkpoints")
CANDIDATE = Path("artifacts/candidate")  # the last trained model, good or not
EVALUATION = Path("artifacts/evaluation.json")
TEST_SCORES = Path("artifacts/test_scores.npz")
GATE = Path("artifacts/gate.json")
REPORT = Path("artifacts/report")
RUN = Path("artifacts/run.json")
BUNDLE = Path("artifacts/bundle")  # the last model that passed the gate
CHAMPION = Path("artifacts/champion")  # the one that the registry has in force
SUMS = "SHA256SUMS"  # in a bundle: the digest of each of its files


def write_json(path: Path, content: Any) -> None:
    """Write a file, and its folder where there is none: UTF-8, indented, no NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    path.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What a file contains. Raises OSError or ValueError."""
    return json.loads(path.read_text(encoding="utf-8"))


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
