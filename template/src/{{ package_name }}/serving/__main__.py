"""Serve the bundle at HOST and PORT: `python -m <package>.serving`."""

import sqlite3
import sys

import uvicorn

from ..bundle import Bundle, BundleError
from ..settings import Environment
from .app import create_app
from .prediction_log import PredictionLog
from .predictor import Predictor


def main() -> None:
    environment = Environment()
    try:
        predictor = Predictor(Bundle.load(environment.bundle))
        log = PredictionLog(environment.prediction_log)
    except BundleError as error:
        sys.exit(f"serve: {error}")
    except (OSError, sqlite3.Error) as error:
        sys.exit(f"serve: the prediction log {environment.prediction_log} cannot be written: {error}")
    print(f"serve: model {predictor.version} at http://{environment.host}:{environment.port}/docs", flush=True)
    app = create_app(predictor, log)
    uvicorn.run(app, host=environment.host, port=environment.port, log_level="warning")


if __name__ == "__main__":
    main()
