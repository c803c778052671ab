"""Micro-batches: requests that arrive together are scored together, without a timer that any of them waits for.

A batch is what has arrived by the time the event loop comes round to it; with a slow model, by the time the batch
before is done. Whether batches pay, and whether a prediction is short enough for the event loop, is measured once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from statistics import median
from typing import NamedTuple

import numpy as np

from .predictor import Answer, Predictor, Record

MOST = 64
TRIAL = 16
REPEATS = 5
INLINE_S = 0.002  # what takes longer would hold up the other requests, health checks among them
WORTH_IT = 1.2


class Scored(NamedTuple):
    answer: Answer
    embedding: np.ndarray  # (1, components)


Waiting = tuple[Record, "asyncio.Future[Scored]"]


class Scorer:
    """A predictor for requests of one record, called from the event loop."""

    def __init__(self, predictor: Predictor, executor: Executor, observe: Callable[[int], None]) -> None:
        """`observe` is told how many records are scored together."""
        self.predictor, self.executor, self.observe = predictor, executor, observe
        record = predictor.reader.one(predictor.examples[0])[0]
        alone, together = _seconds(predictor, [record]), _seconds(predictor, [record] * TRIAL)
        self.inline = alone < INLINE_S
        self.batches = TRIAL * alone > WORTH_IT * together
        self._waiting: deque[Waiting] = deque()
        self._busy = False

    async def score(self, record: Record) -> Scored:
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
            records = [record for record, _ in batch]
            if not self.inline:
                work = loop.run_in_executor(self.executor, self.predictor.predict, records)
                work.add_done_callback(lambda done: (_deliver(batch, done.result), self._next(loop)))
                return
            _deliver(batch, lambda: self.predictor.predict(records))
        self._busy = False

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


def _deliver(batch: Sequence[Waiting], found: Callable[[], tuple[list[Answer], np.ndarray]]) -> None:
    try:
        scored = _split(found())
    except Exception as error:  # each request answers it as its own
        for _, future in batch:
            if not future.done():
                future.set_exception(error)
        return
    for (_, future), result in zip(batch, scored, strict=True):
        if not future.done():
            future.set_result(result)


def _split(found: tuple[list[Answer], np.ndarray]) -> list[Scored]:
    answers, embedding = found
    return [Scored(answer, embedding[row : row + 1]) for row, answer in enumerate(answers)]


def _seconds(predictor: Predictor, records: Sequence[Record]) -> float:
    """How long these records take together: the median of a few times, after one that does not count."""
    predictor.predict(records)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        predictor.predict(records)
        times.append(time.perf_counter() - start)
    return median(times)
