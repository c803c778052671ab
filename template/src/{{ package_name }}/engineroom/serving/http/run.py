"""Serve the bundle at SERVICE_HOST and SERVICE_PORT: `make serve`."""

import functools
import gc
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI

from ...contract import UserError
from ...settings import Environment
from ..routes import take_over
from . import logs
from .protocol import GuardedProtocol
from .server import DrainingServer
from .tracing import traced

SWITCH_S = 0.0002  # Python's own 5 ms is how long a request would wait each time that a batch or the log is at work
COLLECT_AFTER = 20_000, 20, 50  # Python's own 700, 10, 10 is for programs that hold little
BACKLOG = 2048  # connections that wait to be accepted; those beyond `max_connections` are then told so
KEEP_ALIVE_S = 75  # a proxy's 60 and more: whoever sends requests has to be the first that ends an idle connection
GRACE_S = 5  # beyond the request timeout: nothing can be in progress any more


def serve(application: Callable[[Environment], FastAPI]) -> None:
    """Answer by what `application` makes of the settings, until a signal ends it.

    Raises:
        UserError: a setting, the bundle or the prediction log is wrong, or the port is taken.
    """
    logs.set_up()
    environment = Environment()
    app = application(environment)
    server = server_of(app, environment)
    try:
        listener = socket.create_server((environment.host, environment.port), backlog=BACKLOG)
    except OSError as error:
        address = f"{environment.host}:{environment.port}"
        raise UserError(f"{address} cannot be used ({error}): try SERVICE_PORT=8001") from None
    print(
        f"serve: {app.state.service.models} at http://{environment.host}:{environment.port}"
        f"{'/docs' if environment.docs == 'on' else ''}, authentication {environment.authentication}",
        flush=True,
    )
    gc.collect()
    gc.freeze()  # what is there now stays: there is no need to look through it again and again
    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_S)
    server.run(sockets=[listener])


def server_of(app: FastAPI, environment: Environment) -> DrainingServer:
    service = app.state.service
    service.lifecycle.guarded = True
    protocol: Any = functools.partial(GuardedProtocol, environment, service.metrics, service.lifecycle)
    config = uvicorn.Config(
        traced(app),
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(environment.request_timeout_s) + GRACE_S,
    )
    reload = functools.partial(take_over, app, service)
    return DrainingServer(config, environment, service.lifecycle, reload)
