"""Which model is in force: aliases in the MLflow registry, moved by hand or by retraining, never by the pipeline.

champion     the version in force
challenger   a newer version that is not in force yet
previous     the champion before this one, for a rollback

The bundle of the champion is kept in artifacts/champion, for `make serve BUNDLE=artifacts/champion` and the image.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient, set_tracking_uri
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from .artifacts import BUNDLE, GATE, RUN, read_json
from .artifacts import CHAMPION as IN_FORCE
from .bundle import Bundle
from .delivery import deliver
from .errors import UserError
from .settings import Environment

NAME = str(__package__).replace("_", "-")
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


class RegistryError(UserError):
    """An alias cannot be moved; the message says why and what to do."""


class Registry:
    """The registered model of one project."""

    def __init__(self, client: MlflowClient, name: str) -> None:
        self.client, self.name = client, name

    def holder(self, alias: str) -> str | None:
        """The version number that an alias points at, or None."""
        if not self.client.search_registered_models(f"name = '{self.name}'"):
            return None
        aliases = self.client.get_registered_model(self.name).aliases
        return str(aliases[alias]) if alias in aliases else None

    def register(self) -> ModelVersion:
        """The current bundle as a version, new or already there.

        Raises:
            RegistryError: when the gate did not pass, or run, gate and bundle are not of the same pipeline execution.
        """
        gate, run, version = read_json(GATE), read_json(RUN), Bundle.load(BUNDLE).manifest.model_version
        if not gate["passed"]:
            reasons = "; ".join(check["says"] for check in gate["checks"] if not check["passed"])
            raise RegistryError(f"model {version} did not pass the gate and is not registered: {reasons}")
        if not gate["model_version"] == run["model_version"] == version:
            raise RegistryError(f"the bundle is {version}, but gate and run are of another: run `make pipeline` first")
        known = self.client.search_model_versions(f"name = '{self.name}' and run_id = '{run['run_id']}'")
        if known:
            return known[0]
        if not self.client.search_registered_models(f"name = '{self.name}'"):
            self.client.create_registered_model(self.name)
        source = f"{self.client.get_run(run['run_id']).info.artifact_uri}/bundle"
        return self.client.create_model_version(self.name, source, run["run_id"], tags={"model_version": version})

    def point(self, alias: str, version: str) -> None:
        self.client.set_registered_model_alias(self.name, alias, version)

    def put_in_force(self, version: str) -> None:
        """Fetch a version's bundle, verify it, and make it the champion."""
        found = self.client.get_model_version(self.name, version)
        with TemporaryDirectory(dir=IN_FORCE.parent) as folder:
            fetched = Path(download_artifacts(artifact_uri=found.source, dst_path=folder))
            verdict = download_artifacts(run_id=found.run_id, artifact_path=GATE.name, dst_path=folder)
            deliver(fetched, read_json(Path(verdict)), IN_FORCE)
        self.point(CHAMPION, version)

    def challenge(self) -> str:
        """Register the current bundle as challenger."""
        version = self.register().version
        self.point(CHALLENGER, version)
        return f"version {version} of {self.name!r} is the challenger"

    def promote(self) -> str:
        """Put the current bundle in force; the champion until now becomes `previous`."""
        version, champion = str(self.register().version), self.holder(CHAMPION)
        if champion == version:
            return f"version {version} of {self.name!r} is the champion already"
        if champion:
            self.point(PREVIOUS, champion)
        self.put_in_force(version)
        if self.holder(CHALLENGER) == version:
            self.client.delete_registered_model_alias(self.name, CHALLENGER)
        before = f", {champion} the previous one" if champion else ""
        return f"version {version} of {self.name!r} is the champion{before}"

    def rollback(self) -> str:
        """Put the previous champion back in force; the two change places."""
        champion, previous = self.holder(CHAMPION), self.holder(PREVIOUS)
        if not champion or not previous:
            raise RegistryError(f"{self.name!r} has no previous champion to go back to")
        self.put_in_force(previous)
        self.point(PREVIOUS, champion)
        return f"version {previous} of {self.name!r} is the champion again; one more rollback brings {champion} back"


def main() -> None:
    verbs = ("promote", "challenge", "rollback")
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb not in verbs:
        sys.exit(f"registry: say one of {', '.join(verbs)}")
    try:
        set_tracking_uri(Environment().mlflow_tracking_uri)
        registry = Registry(MlflowClient(), NAME)
        print(f"registry: {getattr(registry, verb)()}")
    except FileNotFoundError as error:
        sys.exit(f"registry: {error.filename} is missing: run `make pipeline` first")
    except (UserError, MlflowException) as error:
        sys.exit(f"registry: {error}")


if __name__ == "__main__":
    main()
