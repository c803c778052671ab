"""Serve the bundle at HOST and PORT: `python -m <package>.serving`."""

import socket
import sys

import uvicorn

from ..bundle import Bundle
from ..errors import UserError
from ..settings import Environment
from .app import create_app
from .prediction_log import PredictionLog
from .predictor import Predictor


def main() -> None:
    environment = Environment()
    try:
        predictor = Predictor(Bundle.load(environment.bundle))
        log = PredictionLog(
            environment.prediction_log,
            policy=environment.prediction_log_policy,
            capacity=environment.prediction_log_capacity,
            retention_days=environment.prediction_log_retention_days,
        )
    except UserError as error:
        sys.exit(f"serve: {error}")
    try:
        listener = socket.create_server((environment.host, environment.port))
    except OSError as error:
        sys.exit(f"serve: {environment.host}:{environment.port} cannot be used ({error}): try PORT=8001")
    print(f"serve: model {predictor.version} at http://{environment.host}:{environment.port}/docs", flush=True)
    app = create_app(predictor, log)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
