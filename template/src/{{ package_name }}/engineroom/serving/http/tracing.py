"""Traces by OpenTelemetry, for who sets OTEL_EXPORTER_OTLP_ENDPOINT and installs the extra `tracing`."""

import os

from fastapi import FastAPI
from starlette.types import ASGIApp

from ...contract import UserError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def traced(app: FastAPI) -> ASGIApp:
    """The application's outermost layer, with a span for each request where an endpoint is set.

    Raises:
        UserError: there cannot be spans, or the layer cannot be made, such as for want of keys.
    """
    layer = app.middleware_stack = app.build_middleware_stack()
    if not os.environ.get(ENDPOINT):
        return layer
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise UserError(f"{ENDPOINT} is set, but the extra `tracing` is not installed: {error}") from None
    os.environ.setdefault("OTEL_SERVICE_NAME", app.title)
    provider = TracerProvider()  # it sends what is left when the process ends
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OpenTelemetryMiddleware(
        layer, excluded_urls="/health,/metrics", tracer_provider=provider, exclude_spans=["receive", "send"]
    )
