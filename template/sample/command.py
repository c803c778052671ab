"""The command line of the made-up records, whatever they are."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

Make = Callable[[int, float, Path, np.random.Generator], None]


def run(records: str, make: Make, rows: int, out: Path) -> None:
    """Call `make` with the number of records, the shift, the path to write and a generator; `rows` and `out` are
    what holds unless the caller of the command says otherwise."""
    parser = argparse.ArgumentParser(prog="sample", description=f"Write made-up {records}.")
    parser.add_argument("--rows", type=int, default=rows, help="records, repeated ones included")
    parser.add_argument("--seed", type=int, default=42, help="the same seed gives the same bytes")
    parser.add_argument("--out", type=Path, default=out, help="what to write")
    parser.add_argument("--shift", type=float, default=0.0, help="how far the records move; 1 is a lot")
    given = parser.parse_args()
    if given.rows < 1 or given.shift < 0:
        parser.error("--rows must be at least 1, --shift at least 0")
    make(given.rows, given.shift, given.out, np.random.default_rng(given.seed))
    print(f"{given.out}: {given.rows} {records}, seed {given.seed}")
