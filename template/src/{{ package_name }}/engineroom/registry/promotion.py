"""Which model is in force: aliases in the MLflow registry, moved by hand or by retraining, never by the pipeline.

champion     the version in force
challenger   a newer version that is not in force yet
previous     the champion before this one, for a rollback

The bundle of the champion is kept in artifacts/champion, for `make serve BUNDLE=artifacts/champion` and the image.
Folder and aliases cannot move in one step: a note of the move is written before the first and removed after the last,
and the next verb ends what was killed in between.
"""

import shutil
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from ..artifacts import BUNDLE, GATE, read_json, write_json
from ..artifacts import CHAMPION as IN_FORCE
from ..bundle import BundleError, objection
from ..contract import UserError
from .delivery import delivered, exclusive, put, stage
from .runs import run_of_result
from .tracking import connect, mlflow_answers

NAME = __name__.partition(".")[0].replace("_", "-")
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
FETCHED, MOVE = Path("artifacts/.fetched"), Path("artifacts/.move.json")


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

    def versions(self) -> list[ModelVersion]:
        """All of them, newest first."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        return sorted(found, key=lambda version: -int(version.version))

    def register(self) -> str:
        """The number of the current bundle's version, new or already there; its run is sent to MLflow if need be.

        Raises:
            RegistryError: when the gate did not pass, or gate and bundle are not of the same pipeline execution.
        """
        if not GATE.is_file():
            raise RegistryError(f"{GATE} is missing: run `make pipeline` first")
        gate = read_json(GATE)
        if not gate["passed"]:
            reasons = "; ".join(check["says"] for check in gate["checks"] if not check["passed"])
            raise RegistryError(f"model {gate['model_version']} did not pass the gate and is not registered: {reasons}")
        if not delivered(BUNDLE, gate["model_version"]):
            raise RegistryError(f"{BUNDLE} is not the model that passed the gate: run `make pipeline` first")
        for version in self.versions():
            if version.tags.get("model_version") == gate["model_version"] and self._has_files(version):
                return str(version.version)
        run_id = run_of_result()
        if not self.client.search_registered_models(f"name = '{self.name}'"):
            self.client.create_registered_model(self.name)
        tags = {"model_version": gate["model_version"]}
        source = f"runs:/{run_id}/bundle"  # not an absolute path: the run knows where its files are
        return str(self.client.create_model_version(self.name, source, run_id, tags=tags).version)

    def _has_files(self, version: ModelVersion) -> bool:
        try:
            return bool(self.client.list_artifacts(str(version.run_id), "bundle"))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise

    def point(self, alias: str, version: str) -> None:
        self.client.set_registered_model_alias(self.name, alias, version)

    def challenge(self) -> str:
        """Register the current bundle as challenger."""
        version = self.register()
        if version == self.holder(CHAMPION):
            return f"version {version} of {self.name!r} is the champion, and no challenger of itself"
        self.point(CHALLENGER, version)
        return f"version {version} of {self.name!r} is the challenger"

    def promote(self) -> str:
        """Put the current bundle in force; the champion until now becomes `previous`."""
        self.finish()
        version, champion = self.register(), self.holder(CHAMPION)
        if champion == version:
            missing = not delivered(IN_FORCE, self._model_of(version))
            if missing:
                put(self._staged(version), IN_FORCE)
            restored = f"; its bundle is back in {IN_FORCE}" if missing else ""
            return f"version {version} of {self.name!r} is the champion already{restored}"
        self._move("promote", version, champion)
        before = f", {champion} the previous one" if champion else ""
        return f"version {version} of {self.name!r} is the champion{before}"

    def rollback(self) -> str:
        """Put the previous champion back in force; the two change places. One that was killed is ended, not undone."""
        finished = self.finish()
        champion, previous = self.holder(CHAMPION), self.holder(PREVIOUS)
        if not champion or previous in (None, champion):
            raise RegistryError(f"{self.name!r} has no previous champion to go back to")
        if finished != "rollback":
            self._move("rollback", str(previous), champion)
            champion, previous = str(previous), champion
        return f"version {champion} of {self.name!r} is the champion again; one more rollback brings {previous} back"

    def _move(self, verb: str, version: str, champion: str | None) -> None:
        """Champion becomes `version`, previous `champion`. What can fail comes first, and changes nothing."""
        staged = self._staged(version)
        move = {"verb": verb, "version": version, "champion": champion, "model_version": self._model_of(version)}
        draft = MOVE.with_suffix(".draft")
        write_json(draft, move)
        draft.replace(MOVE)
        put(staged, IN_FORCE)
        self._settle(version, champion)
        MOVE.unlink()

    def finish(self) -> str:
        """End a move that was killed: the verb that it was, or "" where there was none or nothing had moved yet."""
        if not MOVE.exists():
            return ""
        move, now = read_json(MOVE), self.holder(CHAMPION)
        version, before = move["version"], move["champion"]
        known = version in [str(found.version) for found in self.versions()]
        begun = now == version or (now == before and delivered(IN_FORCE, move["model_version"]))
        if known and begun:
            if not delivered(IN_FORCE, move["model_version"]):
                put(self._staged(version), IN_FORCE)
            self._settle(version, before)
        MOVE.unlink()
        return str(move["verb"]) if known and begun else ""

    def _settle(self, version: str, before: str | None) -> None:
        """The aliases of a move, in an order in which no version is champion and previous at once."""
        if self.holder(PREVIOUS) == version:
            self.client.delete_registered_model_alias(self.name, PREVIOUS)
        self.point(CHAMPION, version)
        if before:
            self.point(PREVIOUS, before)
        if self.holder(CHALLENGER) == version:
            self.client.delete_registered_model_alias(self.name, CHALLENGER)

    def _model_of(self, version: str) -> str:
        return str(self.client.get_model_version(self.name, version).tags.get("model_version"))

    def _staged(self, version: str) -> Path:
        """A version's bundle and verdict, fetched and verified, ready to be put in force.

        Raises:
            RegistryError: when its files are gone, or it did not pass the gate.
        """
        run_id = str(self.client.get_model_version(self.name, version).run_id)
        shutil.rmtree(FETCHED, ignore_errors=True)
        FETCHED.mkdir(parents=True)
        try:
            bundle, verdict = (
                Path(download_artifacts(run_id=run_id, artifact_path=name, dst_path=str(FETCHED)))
                for name in ("bundle", GATE.name)
            )
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise RegistryError(f"the files of version {version} cannot be fetched: {reason}") from None
        try:
            staged = stage(bundle, read_json(verdict), IN_FORCE)
        except BundleError as error:
            raise RegistryError(f"version {version} cannot be put in force: {error}") from None
        shutil.rmtree(FETCHED)
        if why := objection(staged):
            raise RegistryError(f"version {version} cannot be put in force: {why}")
        return staged


def move(verb: str) -> None:
    """Let the registry `promote`, `challenge` or `rollback`, and say what is in force."""
    connect()
    with exclusive(), mlflow_answers():
        print(f"{verb}: {getattr(Registry(MlflowClient(), NAME), verb)()}")
