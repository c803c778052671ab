"""From typed records to answers: the path that the service and batch scoring share, so that their numbers agree."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError, create_model

from ..bundle import GOLDEN_TOLERANCE, Bundle, BundleError
from ..records import Value, ineligible, record_model
from ..task import Answer

Record = Mapping[str, Value]


class Predictor:
    """A bundle with its request and response models; construction proves that it still scores as it was trained."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.contract = bundle.contract
        self.version = bundle.manifest.model_version
        self.examples = [golden.record for golden in bundle.manifest.golden]
        self.record_model = record_model(self.contract, next(iter(self.examples), None))
        self.ids = [name for name in self.contract.with_role("id") if name in self.contract.inputs]
        self.answer_model = _answer_model(self.ids)
        self._compare_golden()

    def refusal(self, record: Record) -> str | None:
        """Why a record is out of the contract's scope, or None."""
        return ineligible(self.contract.eligibility, record)

    def predict(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        """Typed records -> answers, with the records' ids."""
        return self._predict(records)[0]

    def predict_described(self, records: Sequence[Record]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Typed records -> answers, and what drift looks at of each record: no ids and no personal data."""
        answers, embedding = self._predict(records)
        described = self.bundle.describe(self._columns(records), embedding)
        return answers, [dict(zip(described, values, strict=True)) for values in zip(*described.values(), strict=True)]

    def _predict(self, records: Sequence[Record]) -> tuple[list[dict[str, Any]], np.ndarray]:
        encoder = self.bundle.encoder
        inputs = encoder.encode_one(records[0]) if len(records) == 1 else encoder.encode(self._columns(records))
        scores, embedding = self.bundle.infer(inputs)
        answers = zip(records, self.bundle.decision.answer(scores), strict=True)
        return [{**{name: record[name] for name in self.ids}, **answer} for record, answer in answers], embedding

    def _columns(self, records: Sequence[Record]) -> dict[str, list[Value]]:
        return {name: [record[name] for record in records] for name in self.contract.inputs}

    def _compare_golden(self) -> None:
        for golden in self.bundle.manifest.golden:
            try:
                record = self.record_model.model_validate(golden.record).model_dump(by_alias=True)
            except ValidationError as error:
                raise BundleError(f"bundle {self.bundle.path}: a golden record breaks its contract: {error}") from None
            found = self.bundle.scores_one(record)[0]
            scale = max(1.0, float(np.abs(golden.scores).max()))
            if np.abs(found - golden.scores).max() > GOLDEN_TOLERANCE * scale:
                raise BundleError(
                    f"bundle {self.bundle.path}: scores {found.tolist()} where training got {golden.scores}: "
                    "this machine's libraries do not reproduce the model"
                )


def _answer_model(ids: Sequence[str]) -> type[BaseModel]:
    fields: dict[str, Any] = {f"id_{number}": (str | None, Field(None, alias=name)) for number, name in enumerate(ids)}
    fields |= {"prediction_id": (str, ...), "model_version": (str, ...)}
    return create_model("Prediction", __base__=Answer, **fields)
