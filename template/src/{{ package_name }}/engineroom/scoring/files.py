"""Score files of any size in constant memory: `make score`.

The records take the service's own path, so the numbers are the service's numbers. A record that the service would
refuse keeps its row, with the reason in the column `error` instead of a prediction.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from tqdm import tqdm

from ..bundle import Bundle
from ..contract import UserError
from ..reading import read_chunks, sniff_for
from ..settings import Environment
from .predictor import Predictor

CHUNK_ROWS = 10_000
SUFFIXES = (".csv", ".parquet")
MOST_NAMED = 3  # reasons of refusal
# What a spreadsheet takes for a formula: wide forms of the signs, and blanks before them, included.
FORMULA = r"(?s)^[\pZ\x00-\x20\x{feff}]*[=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]."
NUMBER = r"^[+-]?[\d., ]+$"


class ScoreError(UserError):
    """Nothing can be scored; the message says why and what to do."""


def score(data: Path, out: Path, predictor: Predictor) -> tuple[int, int, Counter[str]]:
    """Write one row for each record of `data`: its ids, the answer, warning, error.

    Gives how many are scored, how many refused, and how many values are refused by column and kind.
    """
    if out.suffix not in SUFFIXES:
        raise ScoreError(f"{out}: the name must end in {' or '.join(SUFFIXES)}")
    source = sniff_for(data, predictor.contract)
    schema = _schema(predictor)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)  # ids, and what the model says of them
    refused, rows, reasons = 0, 0, Counter[str]()
    as_csv = out.suffix == ".csv"
    writer = pa.csv.CSVWriter(partial, schema) if as_csv else pq.ParquetWriter(partial, schema)
    with writer, tqdm(desc="score", unit=" rows", unit_scale=True, disable=None) as progress:
        for chunk in read_chunks(source, CHUNK_ROWS):
            answers = score_chunk(chunk, predictor, reasons)
            table = pa.Table.from_pylist(answers, schema)
            writer.write_table(without_formulas(table) if as_csv else table)
            refused += sum(answer["error"] is not None for answer in answers)
            rows += len(answers)
            progress.update(len(answers))
    partial.replace(out)  # a reader never meets half a file
    return rows - refused, refused, reasons


def score_chunk(chunk: pd.DataFrame, predictor: Predictor, reasons: Counter[str]) -> list[dict[str, Any]]:
    """Raw records -> one flat answer each, in their order; `reasons` counts why values are refused."""
    raw = {name: chunk[name].tolist() for name in predictor.contract.inputs if name in chunk.columns}
    columns, findings = predictor.reader.many(raw, len(chunk))
    results: list[dict[str, Any]] = [
        {"error": None, "warning": None} | {name: columns[name][row] for name in predictor.ids}
        for row in range(len(chunk))
    ]
    reasons.update(f"{finding.field} ({finding.kind.replace('_', ' ')})" for finding in findings if finding.refused)
    for finding in findings:
        said, kind = f"{finding.field}: {finding.detail}", "error" if finding.refused else "warning"
        result = results[finding.row or 0]
        result[kind] = f"{result[kind]}; {said}" if result[kind] else said
    scored = [row for row, result in enumerate(results) if result["error"] is None]
    if scored:
        answers, _ = predictor.predict_columns(
            {name: [values[row] for row in scored] for name, values in columns.items()}
        )
        for row, answer in zip(scored, answers, strict=True):
            results[row] |= _flat(answer)
    return results


def without_formulas(table: pa.Table) -> pa.Table:
    """The table with an apostrophe before each text that a spreadsheet would run; numbers stay as they are.

    Source: OWASP, "CSV Injection".
    """
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            texts = table.column(place).combine_chunks()
            found = pc.and_not(pc.match_substring_regex(texts, FORMULA), pc.match_substring_regex(texts, NUMBER))
            harmless = pc.binary_join_element_wise("'", texts.filter(found), "")
            table = table.set_column(place, field, pc.replace_with_mask(texts, found, harmless))
    return table


def _schema(predictor: Predictor) -> pa.Schema:
    """The columns of what an example scores to: ids, the answer, the warning, the error."""
    example = pd.DataFrame(predictor.examples[:1], dtype=object)
    [answer] = score_chunk(example, predictor, Counter())
    del answer["error"], answer["warning"]
    kinds = {name: pa.float64() if isinstance(value, float) else pa.string() for name, value in answer.items()}
    return pa.schema(kinds | {"warning": pa.string(), "error": pa.string()})


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    """One column a class for probabilities, two columns for an interval."""
    flat = dict(answer)
    flat |= {f"probability {label}": value for label, value in flat.pop("probabilities", {}).items()}
    if "interval" in flat:
        flat["interval_low"], flat["interval_high"] = flat.pop("interval")
    return flat


def score_file(data: Path, out: Path) -> None:
    """Score with the bundle of the settings, and say how many records were scored.

    Raises:
        UserError: nothing could be scored.
    """
    environment = Environment()
    predictor = Predictor(Bundle.load(environment.bundle, environment.device))
    scored, refused, reasons = score(data, out, predictor)
    print(f"score: {scored:,} records scored, {refused:,} refused (column `error`): {out}")
    if refused:
        named = ", ".join(f"{reason} in {count:,}" for reason, count in reasons.most_common(MOST_NAMED))
        print(f"score: most often refused: {named}")
    if refused and not scored:
        raise ScoreError("nothing could be scored: does the file have the columns of the contract?")
