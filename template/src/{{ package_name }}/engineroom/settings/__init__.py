"""params.yaml and the environment, read once into frozen, typed models. Nothing deeper reads either."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "Device",
    "DriftParams",
    "Environment",
    "LeakageParams",
    "PARAMS",
    "Params",
    "expand",
    "load_params",
]

if TYPE_CHECKING:
    from .environment import Device, Environment, expand
    from .params import PARAMS, DriftParams, LeakageParams, Params, load_params
else:
    __getattr__ = lazily(
        __name__,
        environment=["Device", "Environment", "expand"],
        params=["DriftParams", "LeakageParams", "PARAMS", "Params", "load_params"],
    )
