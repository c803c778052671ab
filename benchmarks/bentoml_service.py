"""The model as a BentoML service with adaptive batching: requests that wait together are scored together."""

from typing import Any

import bentoml
from native import scorer


@bentoml.service(workers=1)
class Native:
    def __init__(self) -> None:
        self.scores = scorer()

    @bentoml.api(batchable=True, max_batch_size=100, max_latency_ms=1_000)
    def predict(self, records: list[dict[str, Any]]) -> list[list[float]]:
        return self.scores(records)
