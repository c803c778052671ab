"""Which bundle answers: the champion, and beside it a challenger that gets a share of the traffic or sees all of it."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple

from ...bundle import ALLOW, Bundle, BundleError, objection
from ...reading import record_schema
from ...scoring import Predictor
from ...settings import Environment
from .scorer import Scorer

log = logging.getLogger(__name__)

ModelRole = Literal["champion", "challenger", "shadow"]


class Choice(NamedTuple):
    scorer: Scorer
    role: ModelRole


class Models:
    """The bundles in service. A reload replaces all of them at once, or none."""

    def __init__(
        self,
        environment: Environment,
        executor: Executor,
        observe: Callable[[int], None],
    ) -> None:
        """Raises BundleError when a bundle cannot or must not be served, or the challenger takes other records."""
        self._paths, self.share = (environment.bundle, environment.challenger_bundle), environment.challenger_share
        if self.share and not environment.challenger_bundle:
            raise BundleError("SERVICE_CHALLENGER_SHARE is set, but there is no SERVICE_CHALLENGER_BUNDLE for it")
        self._executor, self._observe, self._reloading = executor, observe, Lock()
        self._device, self._allow_failed = environment.device, environment.allow_failed_gate
        self.champion, self.challenger = self._load()

    def choose(self, key: str) -> Choice:
        """Who answers: always the same model for the same key, such as a customer's id."""
        if self.challenger and _uniform(key) < self.share:
            return Choice(self.challenger, "challenger")
        return Choice(self.champion, "champion")

    @property
    def splits(self) -> bool:
        """Whether some requests go to the challenger."""
        return self.challenger is not None and self.share > 0

    @property
    def shadow(self) -> Scorer | None:
        """The challenger, where it only looks on."""
        return self.challenger if self.share == 0 else None

    @property
    def versions(self) -> dict[str, str]:
        """The model's version by its role."""
        found = {"champion": self.champion.predictor.version}
        return found | ({"challenger": self.challenger.predictor.version} if self.challenger else {})

    def __str__(self) -> str:
        challenger = self.versions.get("challenger")
        role = f"answers {self.share:.0%}" if self.share else "looks on"
        return f"model {self.versions['champion']}" + (f" (challenger {challenger} {role})" if challenger else "")

    def reload(self) -> dict[str, str]:
        """Load the bundles anew beside those in service, then swap; gives `versions`.

        Raises:
            BundleError: in one sentence, when that cannot be; those in service stay.
        """
        with self._reloading:
            champion, challenger = self._load()
            _check_same_records(champion.predictor, self.champion.predictor, "that needs a restart")
            self.champion, self.challenger = champion, challenger
            return self.versions

    def _load(self) -> tuple[Scorer, Scorer | None]:
        champion, challenger = (
            Scorer(Predictor(self._passed(path)), self._executor, self._observe) if path else None
            for path in self._paths
        )
        assert champion is not None
        if challenger:
            _check_same_records(challenger.predictor, champion.predictor, "it cannot be a challenger")
        return champion, challenger

    def _passed(self, path: Path) -> Bundle:
        """The bundle at a path, if the gate let it through or nobody minds."""
        bundle = Bundle.load(path, self._device)
        if why := objection(path):
            if not self._allow_failed:
                raise BundleError(f"{why}. {ALLOW}=1 serves it nevertheless")
            log.warning("%s. It is served because %s is set", why, ALLOW)
        return bundle


def _check_same_records(found: Predictor, served: Predictor, then: str) -> None:
    same = record_schema(found.contract) == record_schema(served.contract) and found.ids == served.ids
    if not same or found.contract.target != served.contract.target:
        raise BundleError(f"bundle {found.bundle.path}: takes other records than the bundle in service: {then}")


def _uniform(key: str) -> float:
    """A number in [0, 1), always the same for a key: keys are spread evenly."""
    return int.from_bytes(blake2b(key.encode(), digest_size=6).digest()) / 2**48
