"""A load generator: keep-alive connections on one event loop, requests built beforehand, every answer checked.

It adds 15 to 25 us to a request on a core of its own, so it drives some 40,000 requests/s; above that it is the limit.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter
from typing import cast

import numpy as np
import uvloop

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TICK_S = 0.001
PATIENCE_S = 60.0  # for answers that are still on their way when the time is up
OPEN_CONNECTIONS = 128


@dataclass
class Load:
    """What a load measured; latencies, in seconds, of requests that were answered with 200."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Requests answered with 200 in a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share (0 to 100) of requests was answered."""
        return float(np.percentile(self.latencies, share)) * 1000


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    lines = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": len(body), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def drive(
    port: int, requests: Sequence[bytes], seconds: float, connections: int = 16, rate: float | None = None
) -> Load:
    """Send `requests` in turn, again and again.

    Without a rate every connection sends as soon as it has its answer. With one, requests leave on time whether the
    service keeps up or not, and a latency counts from the moment at which its request was due.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_drive(port, requests, seconds, connections if rate is None else OPEN_CONNECTIONS, rate))


async def _drive(port: int, requests: Sequence[bytes], seconds: float, connections: int, rate: float | None) -> Load:
    loop = asyncio.get_running_loop()
    run = _Run(requests, closed=rate is None)
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port)
    start = perf_counter()
    if rate is None:
        for _ in range(connections):
            run.send(perf_counter())
        await asyncio.sleep(seconds)
    else:
        for due in range(int(seconds * rate)):
            moment = start + due / rate
            while perf_counter() < moment:
                await asyncio.sleep(TICK_S)
            run.send(moment)
    run.closed = False
    async with asyncio.timeout(PATIENCE_S):
        while len(run.idle) + run.lost < connections:
            await asyncio.sleep(TICK_S)
    run.load.seconds = perf_counter() - start
    for connection in run.idle:
        connection.transport.close()
    return run.load


class _Run:
    """The connections of one load, and what waits for one of them."""

    def __init__(self, requests: Sequence[bytes], closed: bool) -> None:
        self.requests, self.closed = cycle(requests), closed
        self.load = Load()
        self.lost = 0
        self.idle: deque[_Connection] = deque()
        self.waiting: deque[float] = deque()  # moments at which requests were due that found no connection

    def send(self, due: float) -> None:
        if self.idle:
            self.idle.popleft().send(next(self.requests), due)
        else:
            self.waiting.append(due)

    def answered(self, connection: "_Connection", status: str, due: float) -> None:
        now = perf_counter()
        self.load.statuses[status] += 1
        if status == "200":
            self.load.latencies.append(now - due)
        self.idle.append(connection)
        if self.closed:
            self.send(now)
        elif self.waiting:
            self.send(self.waiting.popleft())


class _Connection(asyncio.Protocol):
    """One request at a time."""

    transport: asyncio.Transport

    def __init__(self, run: _Run) -> None:
        self.run, self.received, self.due = run, b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        self.run.idle.append(self)

    def send(self, content: bytes, due: float) -> None:
        self.due = due
        self.transport.write(content)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        length = LENGTH.search(head)
        if length is None or len(body) >= int(length[1]):
            self.received = b""
            self.run.answered(self, head[9:12].decode(), self.due)

    def connection_lost(self, error: Exception | None) -> None:
        self.run.lost += 1
        if self in self.run.idle:
            self.run.idle.remove(self)
        else:
            self.run.load.statuses["hung up"] += 1
