"""Where the process is on its way, and how many requests wait for their turn."""

from dataclasses import dataclass
from typing import Any

from ..log import PredictionLog
from .problems import RETRY, ProblemDetails


@dataclass
class Lifecycle:
    """Where the process is on its way. It listens only once the bundle is verified and warm."""

    draining: bool = False
    guarded: bool = False  # by `serve`, which bounds connections and headers: uvicorn alone does not
    unbegun: int = 0  # requests that are here, body and all, and wait for the event loop: a queue too

    def join(self, state: dict[str, Any]) -> None:
        """A request is here; its `state` remembers how many were before it."""
        state["ahead"] = self.unbegun
        self.unbegun += 1

    def begin(self, state: dict[str, Any]) -> int:
        """A request's turn has come: how many were ahead of it, or -1 where its body is not here yet."""
        ahead: int = state.pop("ahead", -1)
        self.unbegun -= ahead >= 0
        return ahead

    def check(self, log: PredictionLog) -> None:
        """Raises ProblemDetails, 503, when no requests should be sent here."""
        if self.draining:
            reason = "The service is about to end and finishes what it has begun."
        elif log.policy == "block" and not log.writable:
            reason = "The prediction log is down."
        else:
            return
        raise ProblemDetails(503, "Not ready", reason, headers=RETRY)
