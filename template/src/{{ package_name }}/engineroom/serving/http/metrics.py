"""What Prometheus reads at /metrics. Every label takes its values from a bounded set, so no client can make it grow."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

LATENCIES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
DECADES = [10.0**power for power in range(-2, 7)]
VALUES = (*(-value for value in reversed(DECADES)), 0.0, *DECADES)
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
OTHER = "other"
MOST_KINDS = 50

disable_created_metrics()


class Metrics:
    """One registry for one service; children are looked up once and kept, because a look-up costs more than a count."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        requests = ("route", "method", "status")
        self._requests = self._histogram("http_request_seconds", "Time to answer", LATENCIES_S, requests)
        self._errors = self._counter("http_errors", "Requests refused or failed", "kind")
        self._cut = self._counter("connections_cut", "Connections that the service ended", "reason")
        self._batches = self._histogram("model_batch_records", "Records that the model scored together", BATCHES)
        self.unlogged = Counter("access_log_dropped", "Requests that could not be logged", registry=self.registry)
        self.unshadowed = Counter("shadow_skipped", "Requests that the shadow did not see", registry=self.registry)
        self._models = Gauge("model_info", "Models served", ("role", "version"), registry=self.registry)
        self._kinds: set[str] = set()
        self._class_counts: dict[str, Callable[[], None]] = {}

    @cached_property
    def _classes(self) -> Counter:
        return self._counter("predictions", "Predictions by class", "prediction")

    @cached_property
    def _numbers(self) -> Histogram:
        return self._histogram("prediction_value", "Predicted numbers", VALUES)

    def _counter(self, name: str, meaning: str, label: str) -> Counter:
        return Counter(name, meaning, (label,), registry=self.registry)

    def _histogram(self, name: str, meaning: str, bounds: Sequence[float], labels: Iterable[str] = ()) -> Histogram:
        return Histogram(name, meaning, labels, buckets=bounds, registry=self.registry)

    def request(self, route: str, method: str, status: int) -> Callable[[float], None]:
        """The counter of such requests: it takes seconds. The caller keeps it."""
        known = method if method in METHODS else OTHER
        return self._requests.labels(route, known, status).observe

    def error(self, kind: str) -> None:
        """Count an error by its kind; a kind may quote a request, so only the first MOST_KINDS get a label."""
        if len(self._kinds) < MOST_KINDS:
            self._kinds.add(kind)
        self._errors.labels(kind if kind in self._kinds else OTHER).inc()

    def cut(self, reason: str) -> None:
        self._cut.labels(reason).inc()

    def answered(self, answers: Iterable[Mapping[str, Any]]) -> None:
        """Count what was predicted: classes by name, numbers by size."""
        for answer in answers:
            prediction = answer["prediction"]
            if not isinstance(prediction, str):
                self._numbers.observe(prediction)
                continue
            count = self._class_counts.get(prediction)
            if count is None:
                count = self._class_counts[prediction] = self._classes.labels(prediction).inc
            count()

    def batch(self, records: int) -> None:
        self._batches.observe(records)

    def models(self, versions: Mapping[str, str]) -> None:
        """Role -> version of what is served from now on."""
        self._models.clear()
        for role, version in versions.items():
            self._models.labels(role, version).set(1)

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """A number that is asked for when Prometheus asks."""
        Gauge(name, meaning, registry=self.registry).set_function(value)

    def counter(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """A number that only grows, asked for when Prometheus asks."""
        self.registry.register(_Asked(name, meaning, value))

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _Asked(Collector):
    """What `Gauge.set_function` is for gauges; counters have none."""

    def __init__(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        self._name, self._meaning, self._value = name, meaning, value

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily(self._name, self._meaning, value=self._value())
