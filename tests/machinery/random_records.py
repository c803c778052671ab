"""Random records that fit contract.yaml.

Nothing here knows the columns: a new contract gets new records, so the tests stay when the data changes.
"""

import random
import struct
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import Any

import pyarrow as pa

from customer_model.engineroom.contract import NUMERIC, Column, Contract
from customer_model.engineroom.reading import tables as table

TODAY = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
EDGE = 16
WORDS = "invoice Straße don't 50% счёт Завтра 請求書 繋がりません 😡 ภาษา الإنترنت árvore 한국어 x_y \\n NULL"


def random_table(contract: Contract, rows: int, seed: int) -> pa.Table:
    """Records that fit the contract, with gaps where it allows them, and a target that follows from some of them."""
    generator = random.Random(seed)
    columns = {name: [random_value(column, generator, row, name, contract) for row in range(rows)]
               for name, column in contract.inputs.items()}  # fmt: skip
    if (time := contract.only("time")) and (group := contract.only("group")):  # groups come one after the other
        by_time = sorted(range(rows), key=columns[time].__getitem__)
        columns[group] = [name for _, name in sorted(zip(by_time, sorted(columns[group]), strict=True))]
    columns[contract.target.name] = random_target(contract, columns, rows, generator)
    types = [(name, table.arrow_type(column)) for name, column in contract.columns.items()]
    return pa.table({name: pa.array(columns[name], kind) for name, kind in types})


def random_value(column: Column, generator: random.Random, row: int, name: str, contract: Contract) -> Any:
    for rule in contract.eligibility:
        if rule.column == name and rule.allowed:
            return rule.allowed[0]
    if column.nullable and generator.random() < 0.1:
        return None
    if column.type == "id" or "id" in column.role:
        return f"{row:06d}"
    if "group" in column.role:
        return f"group {row % 40}" if column.type not in NUMERIC else float(row % 40)
    if column.type in NUMERIC:
        return number_in(column, generator.random())
    if column.type == "datetime":
        moment = TODAY - timedelta(days=generator.randrange(400), hours=generator.randrange(24))
        return datetime.strptime(moment.strftime(column.format), column.format) if column.format else moment
    if column.type == "boolean":
        return generator.random() < 0.5
    if column.type == "text":
        # A word that few records share, so that other records teach another vocabulary.
        rare = f"case{generator.randrange(40)}"
        return " ".join([rare, *generator.choices(WORDS.split(), k=generator.randint(1, 12))])
    if column.type == "image":
        return image(generator.randrange(EDGE + 1), generator)
    return generator.choice(column.levels or ("alpha", "beta", "gamma", 'Ünïcode, "quoted"'))


def number_in(column: Column, share: float) -> float:
    """A number so far, from 0 to 1, between the column's bounds."""
    low = float(column.min) if column.min is not None else 0.0
    high = float(column.max) if column.max is not None else low + 100.0
    value = low + share * (high - low)
    return float(int(value)) if column.type == "integer" else value


def image(dark: int, generator: random.Random) -> bytes:
    """A BMP file, small and not packed: so many dark columns, light ones, and noise."""
    pixels = bytes(generator.randrange(90) + 160 * (at // 3 % EDGE >= dark) for at in range(3 * EDGE * EDGE))
    start, size = 54, len(pixels)
    return struct.pack("<2s6I2H6I", b"BM", start + size, 0, start, 40, EDGE, EDGE, 1, 24, 0, size, 0, 0, 0, 0) + pixels


def random_target(contract: Contract, columns: dict[str, list[Any]], rows: int, generator: random.Random) -> list[Any]:
    features = contract.features.items()
    signal = [sum(share_of(column, columns[name][row]) for name, column in features) for row in range(rows)]
    noisy = [value + generator.gauss(0, 0.1) for value in signal]
    target = contract.target
    if target.kind == "continuous":
        low, high = min(noisy), max(noisy)
        return [number_in(contract.columns[target.name], (value - low) / (high - low)) for value in noisy]
    labels: tuple[Any, ...] = contract.columns[target.name].levels or ("a", "b", "c")
    if target.kind == "binary":
        positive = str(target.positive)
        negative = next(
            (label for label in labels if label not in (positive, "a")), "no" if positive != "no" else "yes"
        )
        labels = (negative, positive)
    order = sorted(noisy)
    cuts = [order[rows * part // len(labels)] for part in range(1, len(labels))]
    chosen = [labels[sum(value >= cut for cut in cuts)] for value in noisy]
    kind = contract.columns[target.name].type
    if kind == "boolean":
        return [label.lower() in ("true", "1", "yes") for label in chosen]
    return [float(label) for label in chosen] if kind in NUMERIC else chosen


def share_of(column: Column, value: Any) -> float:
    """What a value adds to the target; of a text the mean of its words, all of them above 0, of an image its light."""
    if column.type == "image" and value is not None:
        return mean(value) / 100
    if column.type == "text" and value is not None:
        return 1 + mean(hash_share(word) for word in value.split())
    return hash_share(value)


def hash_share(value: Any) -> float:
    """Some number between 0 and 1 that depends on a value in the same way in every process."""
    return random.Random(repr(value)).random() if not isinstance(value, float) else (value % 97) / 97
