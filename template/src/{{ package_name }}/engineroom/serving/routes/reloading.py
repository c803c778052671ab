"""Take over what now lies at the bundles' paths, without a gap: by SIGHUP, and by `POST /admin/reload`."""

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from ...bundle import BundleError
from ..http import TITLES, ProblemDetails, responses
from .service import Service

log = logging.getLogger(__name__)


def take_over(app: FastAPI, service: Service) -> dict[str, str]:
    """Load the bundles anew. Gives the versions that serve now; raises BundleError, and the old ones stay."""
    before = service.models.champion.predictor.version
    versions = service.models.reload()
    service.metrics.models(versions)
    app.version, app.openapi_schema = versions["champion"], None
    log.info("reloaded: model %s serves in place of %s", versions["champion"], before)
    return versions


def reload(app: FastAPI, service: Service) -> None:
    """Add `POST /admin/reload`, for administrators."""

    @app.post("/admin/reload", responses=responses(404, 409), tags=["admin"])
    async def reload_bundles() -> dict[str, Any]:
        """Load the bundles anew, prove them on their golden records, and swap; a bad one leaves the old ones."""
        try:
            return {"models": await run_in_threadpool(take_over, app, service)}
        except BundleError as error:
            raise ProblemDetails(409, TITLES[409], str(error)) from None
