"""What the service's paths take and answer, and the application that they make."""

from typing import TYPE_CHECKING

from ...lazy import lazily

__all__ = [
    "PlainRoute",
    "SMALL",
    "batch",
    "create_app",
    "declare",
    "explain",
    "feedback",
    "openinference",
    "predict",
    "reload",
    "take_over",
]

if TYPE_CHECKING:
    from .application import create_app
    from .explanations import explain
    from .labels import feedback
    from .open_inference import openinference
    from .openapi import declare
    from .predictions import batch, predict
    from .reloading import reload, take_over
    from .routes import PlainRoute
    from .service import SMALL
else:
    __getattr__ = lazily(
        __name__,
        application=["create_app"],
        explanations=["explain"],
        labels=["feedback"],
        open_inference=["openinference"],
        openapi=["declare"],
        predictions=["batch", "predict"],
        reloading=["reload", "take_over"],
        routes=["PlainRoute"],
        service=["SMALL"],
    )
