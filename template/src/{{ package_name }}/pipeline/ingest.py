"""Stage 1: raw records become typed, de-duplicated, eligible rows in Parquet, without direct personal data."""

from ..engineroom import contract as contracts
from ..engineroom.artifacts import CLEAN, INGEST, write_json
from ..engineroom.encoding import modality_of
from ..engineroom.reading import (
    data_digest,
    drop_duplicates,
    effect_of_dropping,
    keep_eligible,
    keep_labelled,
    protect,
    read_typed,
    write_table,
)
from ..engineroom.settings import Environment
from ..engineroom.stages import PipelineError, command


def ingest() -> None:
    contract = contracts.load()
    modality_of(contract)  # features that no model takes would else be found after the work
    raw, table = read_typed(contract)
    whole, (table, duplicates) = table, drop_duplicates(table, contract)
    notices = effect_of_dropping(whole, table, contract)
    table, out_of_scope = keep_eligible(table, contract)
    table, unlabelled = keep_labelled(table, contract)
    table = protect(table, contract, Environment().pii_key.get_secret_value())
    if table.num_rows == 0:
        raise PipelineError(f"{contract.source.path}: no row is left: {raw} read, {out_of_scope} out of scope")
    write_table(table, CLEAN)
    counts = {"read": raw, "duplicates": duplicates, "out_of_scope": out_of_scope, "unlabelled": unlabelled}
    facts = {"kept": table.num_rows, "data_sha256": data_digest(contract.source), "notices": notices}
    write_json(INGEST, counts | facts)
    for notice in notices:
        print(f"ingest: note: {notice}")
    print(f"ingest: {table.num_rows:,} of {raw:,} rows kept; dropped {duplicates} duplicates,", end=" ")
    print(f"{out_of_scope} out of scope, {unlabelled} without a target")


if __name__ == "__main__":
    command(ingest)
