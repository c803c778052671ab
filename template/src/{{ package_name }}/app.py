"""The service: an ordinary FastAPI application of these routes. Take one out of the list, or add paths of your own.

`python -m <package> serve` runs it. Under another server, such as `uvicorn --factory <package>.app:application`, no
limits on connections and headers are in force: put something in front that has them.
"""

from fastapi import APIRouter, FastAPI

from .engineroom.serving.routes import batch, create_app, explain, feedback, openinference, predict, reload
from .engineroom.settings import Environment

ROUTES = [predict, batch, explain, feedback, openinference, reload]

own = APIRouter()  # a path of your own: @own.get("/segments") above a function; it asks for a key as the others do


def application(environment: Environment | None = None) -> FastAPI:
    """The service of the bundle that the settings name.

    What is added before it is returned holds for all paths, the fast ones too: `app.add_middleware(...)`,
    `app.exception_handler(...)(...)`.
    """
    app = create_app(environment or Environment(), ROUTES)
    app.include_router(own)
    return app
