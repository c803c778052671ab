"""The service's outer side: connections, keys, limits, metrics, logs, errors, and how it starts and ends."""

from typing import TYPE_CHECKING

from ...lazy import lazily

__all__ = [
    "FieldError",
    "Lifecycle",
    "Metrics",
    "ProblemDetails",
    "ProblemDocument",
    "RETRY",
    "SHOWN",
    "TITLES",
    "install",
    "misread",
    "new_key",
    "not_json",
    "pointer_to",
    "predict",
    "responses",
    "serve",
    "shortened",
    "surround",
    "unfit",
    "unfit_at",
]

if TYPE_CHECKING:
    from .client import predict
    from .edge import surround
    from .lifecycle import Lifecycle
    from .metrics import Metrics
    from .problems import (
        RETRY,
        SHOWN,
        TITLES,
        FieldError,
        ProblemDetails,
        ProblemDocument,
        install,
        misread,
        not_json,
        pointer_to,
        responses,
        shortened,
        unfit,
        unfit_at,
    )
    from .run import serve
    from .security import new_key
else:
    __getattr__ = lazily(
        __name__,
        client=["predict"],
        edge=["surround"],
        lifecycle=["Lifecycle"],
        metrics=["Metrics"],
        problems=[
            "FieldError",
            "ProblemDetails",
            "ProblemDocument",
            "RETRY",
            "SHOWN",
            "TITLES",
            "install",
            "misread",
            "not_json",
            "pointer_to",
            "responses",
            "shortened",
            "unfit",
            "unfit_at",
        ],
        run=["serve"],
        security=["new_key"],
    )
