"""Micro-batches: requests that arrive together are scored together, without a timer that any of them waits for.

A batch is what has arrived by the time the event loop comes round to it; with a slow model, by the time the batch
before is done. Whether batches pay, and whether a prediction is short enough for the event loop, is measured once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from statistics import median
from typing import NamedTuple

import numpy as np

from ...bundle import clock_of
from ...scoring import Answer, Predictor, Record

MOST = 64
TRIAL = 16
REPEATS = 5
SLICE_S = 0.001  # of a batch is worked on before others have their turn
INLINE_S = 0.002  # what takes longer would hold up the other requests, health checks among them
WORTH_IT = 1.2


class Scored(NamedTuple):
    answer: Answer
    embedding: np.ndarray  # (1, components)


Waiting = tuple[Record, "asyncio.Future[Scored]"]
ScoredBatch = list[Scored] | Exception


class Scorer:
    """A predictor for requests of one record, called from the event loop."""

    def __init__(self, predictor: Predictor, executor: Executor, observe: Callable[[int], None]) -> None:
        """`observe` is told how many records are scored together; `slice` is how many of a batch are scored at once."""
        self.predictor, self.executor, self.observe = predictor, executor, observe
        record = predictor.reader.one(predictor.examples[0])[0]
        alone, together = _seconds(predictor, [record]), _seconds(predictor, [record] * TRIAL)
        self.inline = alone < INLINE_S
        self.slice = max(1, int(TRIAL * SLICE_S / together)) if self.inline else MOST
        self.batches = TRIAL * alone > WORTH_IT * together
        self._waiting: deque[Waiting] = deque()
        self._busy = False

    async def score(self, record: Record, long: bool = False) -> Scored:
        """One record; `long` says that it takes longer than others: in a thread, and no other waits for it."""
        if long and self.inline:
            loop = asyncio.get_running_loop()
            return _split(await loop.run_in_executor(self.executor, self.predictor.predict, [record]))[0]
        if self.inline and not self.batches:
            return _split(self.predictor.predict([record]))[0]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Scored] = loop.create_future()
        self._waiting.append((record, future))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._next, loop)  # once the requests that are there have been read
        return await future

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Score what waits: here, or in a thread that comes back for more."""
        while batch := self._take():
            if not self.inline:
                work = loop.run_in_executor(self.executor, self._scored, batch)
                work.add_done_callback(partial(self._deliver, loop, batch))
                return
            _resolve(batch, self._scored(batch))
        self._busy = False

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, batch: Sequence[Waiting], work: asyncio.Future[ScoredBatch]
    ) -> None:
        _resolve(batch, work.result())
        self._next(loop)

    def _scored(self, batch: Sequence[Waiting]) -> ScoredBatch:
        try:
            return _split(self.predictor.predict([record for record, _ in batch]))
        except Exception as error:  # each request answers it as its own
            return error

    def _take(self) -> list[Waiting]:
        """A batch of those that still wait."""
        batch: list[Waiting] = []
        while self._waiting and len(batch) < (MOST if self.batches else 1):
            record, future = self._waiting.popleft()
            if not future.done():  # a request that was given up
                batch.append((record, future))
        if batch:
            self.observe(len(batch))
        return batch


def _resolve(batch: Sequence[Waiting], result: ScoredBatch) -> None:
    for row, (_, future) in enumerate(batch):
        if future.done():  # given up meanwhile
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result[row])


def _split(found: tuple[list[Answer], np.ndarray]) -> list[Scored]:
    answers, embedding = found
    return [Scored(answer, embedding[row : row + 1]) for row, answer in enumerate(answers)]


def _seconds(predictor: Predictor, records: Sequence[Record]) -> float:
    """How long these records take together: the median of a few times, after one that does not count."""
    predictor.predict(records)
    times, clock = [], clock_of(predictor.bundle.session)
    for _ in range(REPEATS):
        start = clock()
        predictor.predict(records)
        times.append(clock() - start)
    return median(times)
