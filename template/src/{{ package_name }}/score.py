"""Score files of any size in constant memory: `python -m <package>.score --data FILE --out FILE`.

The records take the service's own path, so the numbers are the service's numbers. A record that the service would
refuse keeps its row, with the reason in the column `error` instead of a prediction.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from pydantic import ValidationError
from tqdm import tqdm

from .bundle import Bundle
from .errors import UserError, own_words
from .serving.predictor import Predictor
from .settings import Environment
from .source import read_chunks, sniff_for

CHUNK_ROWS = 10_000
SUFFIXES = (".csv", ".parquet")


class ScoreError(UserError):
    """Nothing can be scored; the message says why and what to do."""


def score(data: Path, out: Path, predictor: Predictor) -> tuple[int, int]:
    """Write one row for each record of `data`: its ids, the answer, the error. Gives (scored, refused)."""
    if out.suffix not in SUFFIXES:
        raise ScoreError(f"{out}: the name must end in {' or '.join(SUFFIXES)}")
    source = sniff_for(data, predictor.contract)
    schema = _schema(predictor)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    refused = rows = 0
    writer = pq.ParquetWriter(partial, schema) if out.suffix == ".parquet" else pa.csv.CSVWriter(partial, schema)
    with writer, tqdm(desc="score", unit=" rows", unit_scale=True) as progress:
        for chunk in read_chunks(source, CHUNK_ROWS):
            answers = score_chunk(chunk, predictor)
            writer.write_table(pa.Table.from_pylist(answers, schema))
            refused += sum(answer["error"] is not None for answer in answers)
            rows += len(answers)
            progress.update(len(answers))
    partial.replace(out)  # a reader never meets half a file
    return rows - refused, refused


def score_chunk(chunk: pd.DataFrame, predictor: Predictor) -> list[dict[str, Any]]:
    """Raw records -> one flat answer each, in their order."""
    known = [name for name in predictor.contract.inputs if name in chunk.columns]
    results: list[dict[str, Any]] = []
    records, places = [], []
    for raw in chunk[known].to_dict("records"):
        result: dict[str, Any] = {"error": None}
        try:
            record = predictor.record_model.model_validate(raw).model_dump(by_alias=True)
        except ValidationError as error:
            result["error"] = "; ".join(f"{found['loc'][0]}: {own_words(found)}" for found in error.errors())
        else:
            result["error"] = predictor.refusal(record)
            if result["error"] is None:
                records.append(record)
                places.append(len(results))
            result |= {name: record[name] for name in predictor.ids}
        results.append(result)
    for place, answer in zip(places, predictor.predict(records) if records else [], strict=True):
        results[place] |= _flat(answer)
    return results


def _schema(predictor: Predictor) -> pa.Schema:
    """The columns of what an example scores to: ids, the answer, the error."""
    example = pd.DataFrame(predictor.examples[:1], dtype=object)
    [answer] = score_chunk(example, predictor)
    del answer["error"]
    kinds = {name: pa.float64() if isinstance(value, float) else pa.string() for name, value in answer.items()}
    return pa.schema(kinds | {"error": pa.string()})


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    """One column a class for probabilities, two columns for an interval."""
    flat = dict(answer)
    flat |= {f"probability {label}": value for label, value in flat.pop("probabilities", {}).items()}
    if "interval" in flat:
        flat["interval_low"], flat["interval_high"] = flat.pop("interval")
    return flat


def main() -> None:
    parser = argparse.ArgumentParser(prog="score", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="CSV, Parquet or JSON lines")
    parser.add_argument("--out", type=Path, required=True, help="a .csv or .parquet file")
    arguments = parser.parse_args()
    try:
        predictor = Predictor(Bundle.load(Environment().bundle))
        scored, refused = score(arguments.data, arguments.out, predictor)
    except UserError as error:
        sys.exit(f"score: {error}")
    print(f"score: {scored:,} records scored, {refused:,} refused (column `error`): {arguments.out}")


if __name__ == "__main__":
    main()
