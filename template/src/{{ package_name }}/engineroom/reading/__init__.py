"""Raw data to typed records: files and databases, values, whole records, Arrow tables."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "FILE",
    "Finding",
    "GROUPED",
    "MISSING",
    "Parser",
    "Reader",
    "SourceError",
    "Value",
    "as_bound",
    "columns_of",
    "data_digest",
    "drop_duplicates",
    "effect_of_dropping",
    "fetch",
    "files_of",
    "ineligible",
    "keep_eligible",
    "keep_labelled",
    "naming_files",
    "parser",
    "parsers",
    "protect",
    "pseudonym",
    "read_chunks",
    "read_part",
    "read_table",
    "read_typed",
    "record_of",
    "record_schema",
    "refused",
    "repeated_key",
    "snapshot",
    "sniff",
    "sniff_for",
    "target_of",
    "to_raw",
    "value_schema",
    "write_table",
]

if TYPE_CHECKING:
    from .ingestion import (
        data_digest,
        drop_duplicates,
        effect_of_dropping,
        keep_eligible,
        keep_labelled,
        protect,
        read_typed,
    )
    from .reader import Finding, Reader, record_schema, refused, repeated_key, value_schema
    from .records import GROUPED, MISSING, Parser, Value, as_bound, ineligible, parser, parsers, pseudonym, to_raw
    from .source import FILE, SourceError, fetch, files_of, naming_files, read_chunks, snapshot, sniff, sniff_for
    from .tables import columns_of, read_part, read_table, record_of, target_of, write_table
else:
    __getattr__ = lazily(
        __name__,
        ingestion=[
            "data_digest",
            "drop_duplicates",
            "effect_of_dropping",
            "keep_eligible",
            "keep_labelled",
            "protect",
            "read_typed",
        ],
        reader=["Finding", "Reader", "record_schema", "refused", "repeated_key", "value_schema"],
        records=[
            "GROUPED",
            "MISSING",
            "Parser",
            "Value",
            "as_bound",
            "ineligible",
            "parser",
            "parsers",
            "pseudonym",
            "to_raw",
        ],
        source=[
            "FILE",
            "SourceError",
            "fetch",
            "files_of",
            "naming_files",
            "read_chunks",
            "snapshot",
            "sniff",
            "sniff_for",
        ],
        tables=["columns_of", "read_part", "read_table", "record_of", "target_of", "write_table"],
    )
