"""From raw records to answers: the path that the service and batch scoring share, so that their numbers agree."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..bundle import GOLDEN_TOLERANCE, Bundle, BundleError
from ..reading import Reader, Value, refused

Record = Mapping[str, Value]
Answer = dict[str, Any]

# Fields beside those of an `Answer`, in the service and in batch scoring.
TAKEN = {"prediction_id", "model_version", "warnings", "warning", "error"}
FEW = 16  # up to so many, one by one is faster than column by column


class Predictor:
    """A bundle that reads and answers; construction proves that it still scores as it was trained."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.contract = bundle.contract
        self.version = bundle.manifest.model_version
        self.examples = [golden.record for golden in bundle.manifest.golden]
        self.reader = Reader(self.contract)
        taken = TAKEN | bundle.decision.Answer.model_fields.keys()  # an id of such a name would hide a field
        self.ids = tuple(name for name in self.contract.with_role("id") if name in self.contract.inputs.keys() - taken)
        self._compare_golden()

    def predict(self, records: Sequence[Record]) -> tuple[list[Answer], np.ndarray]:
        """Typed records -> an answer each, and what the model holds them to be like, (n, components)."""
        if len(records) > FEW:
            return self.predict_columns(self.columns(records))
        each = [self.bundle.encoder.encode_one(record) for record in records]
        if len(each) == 1:
            return self._answer(each[0])
        return self._answer({name: np.concatenate([inputs[name] for inputs in each]) for name in each[0]})

    def predict_columns(self, columns: Mapping[str, Sequence[Value]]) -> tuple[list[Answer], np.ndarray]:
        """Typed columns of n records -> what `predict` gives."""
        return self._answer(self.bundle.encoder.encode(columns))

    def named(self, answer: Answer, record: Record, prediction_id: str) -> Answer:
        """An answer with the ids of its record, and with what tells this prediction from all others."""
        given = {name: record[name] for name in self.ids}
        return {**given, **answer, "prediction_id": prediction_id, "model_version": self.version}

    def key(self, record: Mapping[str, Value]) -> str:
        """What tells whose record it is: its ids, or nothing."""
        return "/".join(str(record[name]) for name in self.ids if record[name] is not None)

    def columns(self, records: Sequence[Record]) -> dict[str, list[Value]]:
        return {name: [record[name] for record in records] for name in self.contract.inputs}

    def _answer(self, inputs: dict[str, np.ndarray]) -> tuple[list[Answer], np.ndarray]:
        scores, embedding = self.bundle.infer(inputs)
        return self.bundle.decision.answer(scores), embedding

    def _compare_golden(self) -> None:
        if not self.bundle.manifest.golden:
            raise BundleError(f"bundle {self.bundle.path}: has no golden records that would show that it works here")
        for golden in self.bundle.manifest.golden:
            record, findings = self.reader.one(golden.record)
            if wrong := refused(findings):
                reason = f"{wrong[0].field}: {wrong[0].detail}"
                raise BundleError(f"bundle {self.bundle.path}: a golden record breaks its contract: {reason}")
            found = self.bundle.scores_one(record)[0]
            scale = max(1.0, float(np.abs(golden.scores).max()))
            # turned around, so that a NaN is no match
            if not np.abs(found - golden.scores).max() <= GOLDEN_TOLERANCE * scale:
                raise BundleError(
                    f"bundle {self.bundle.path}: scores {found.tolist()} where training got {golden.scores}: "
                    "this machine's libraries do not reproduce the model"
                )


def prediction_ids(count: int) -> list[str]:
    """New ids, 32 hexadecimal digits each: no two are alike, whoever draws them, and nobody can guess another's."""
    now = f"{time.time_ns() // 1_000_000:012x}"  # first, because indexes like ids in order of time
    drawn = os.urandom(10 * count).hex()
    return [now + drawn[start : start + 20] for start in range(0, 20 * count, 20)]
