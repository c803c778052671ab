"""The status grid: variant x stage, seconds, the primary metric against the dummy's. A broken stage is a red cell."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STAGES = ("render", "lint", "tests", "pipeline", "own data", "parity", "predict", "score", "drift")
RED = "**red**"


class Row:
    """One variant's line; it is written after each stage, so that a crash leaves what is known."""

    def __init__(self, folder: Path, variant: Mapping[str, str]) -> None:
        self.file = folder / f"{'-'.join(variant.values())}.json"
        self.content: dict[str, Any] = {"variant": dict(variant), "stages": {}, "metric": ""}
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        assert name in STAGES, name
        start = time.monotonic()
        self._note(name, RED)
        yield
        self._note(name, f"{time.monotonic() - start:.0f} s")

    def seconds(self, stage: str, text: str) -> None:
        """What a stage took that may have run for another test before."""
        self._note(stage, f"{text} s")

    def metric(self, text: str) -> None:
        self.content["metric"] = text

    def _note(self, stage: str, cell: str) -> None:
        self.content["stages"][stage] = cell
        self.file.write_text(json.dumps(self.content))


def table(folder: Path) -> str:
    """All lines so far, as a Markdown table; a stage that was not reached has no cell."""
    rows = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    lines = [["variant", *STAGES, "metric (dummy)"]]
    lines += [
        [" ".join(row["variant"].values()), *(row["stages"].get(stage, "") for stage in STAGES), row["metric"]]
        for row in rows
    ]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    text.insert(1, " | ".join("-" * width for width in widths))
    return "".join(f"| {line} |\n" for line in text)


def publish(folder: Path, out: Path) -> str | None:
    """Write the table where people and GitHub look for it; None when no variant ran."""
    if not folder.is_dir():
        return None
    text = table(folder)
    out.parent.mkdir(exist_ok=True)
    out.write_text(text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a") as file:
            file.write(text)
    return text
