"""`python killed.py VERB` in a project: the verb is killed at each of its steps in turn, looked at, and run again.

A step is a call that changes folders or MLflow's registry. Each run is a fork, ended at once by `os._exit`, as a kill
would; what it changed is put back before the next. Prints a JSON object a kill.
"""

import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from customer_model.engineroom.bundle.bundle import Bundle, BundleError
from customer_model.engineroom.contract import UserError
from customer_model.engineroom.registry import delivery
from customer_model.engineroom.registry import promotion as registry

EVENTS = ("os.remove", "os.rename", "shutil.rmtree")
CALLS = ("set_registered_model_alias", "delete_registered_model_alias", "create_model_version")
STATE = (Path("mlflow.db"), registry.IN_FORCE, registry.MOVE)
KILLED = 9


class Steps:
    """Kills this process before its n-th step."""

    def __init__(self, last: int) -> None:
        self.left = last
        sys.addaudithook(self.of_a_file)
        for name in CALLS:
            setattr(MlflowClient, name, self.counted(getattr(MlflowClient, name)))
        delivery._rename = self.counted(delivery._rename)  # which is one step where the system can exchange names

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os._exit(KILLED)

    def of_a_file(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and Path(str(arguments[0])).parent.name == "artifacts":
            self.step()

    def counted(self, call: Any) -> Any:
        def after_a_step(*arguments: Any, **named: Any) -> Any:
            self.step()
            return call(*arguments, **named)

        return after_a_step


def forked(last: int, verb: str) -> int:
    """The exit status of a verb that is killed at a step; 0 for none."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    Steps(last)
    sys.stdout = sys.stderr
    try:
        registry.move(verb)
    except UserError as error:
        print(error, file=sys.stderr)
        os._exit(1)
    os._exit(0)


def looked_at() -> dict[str, Any]:
    """What is in force, by alias and in the folder; read past MLflow, so that no connection is open in this process."""
    with closing(sqlite3.connect("mlflow.db")) as connection:
        aliases = dict(connection.execute("SELECT alias, version FROM registered_model_aliases"))
    try:
        folder = Bundle.load(registry.IN_FORCE).manifest.model_version
    except BundleError:
        folder = None
    return {alias: aliases.get(alias) for alias in ("champion", "previous")} | {"folder": folder}


def copy(source: Path, target: Path) -> None:
    """Replace what is in force, and MLflow's database, by what another folder has of them."""
    for path in STATE:
        if (target / path).is_dir():
            shutil.rmtree(target / path)
        (target / path).unlink(missing_ok=True)
        if (source / path).is_dir():
            shutil.copytree(source / path, target / path)
        elif (source / path).exists():
            shutil.copy2(source / path, target / path)


def main() -> None:
    verb, here, before, last, status = sys.argv[1], Path(), Path("before"), 0, KILLED
    (before / "artifacts").mkdir(parents=True)
    copy(here, before)
    while status == KILLED:
        copy(before, here)
        last += 1
        status = forked(last, verb)
        killed = looked_at()
        again = forked(0, verb) if status == KILLED else status
        print(json.dumps({"step": last, "killed": killed, "again": again, "after": looked_at()}), flush=True)


if __name__ == "__main__":
    main()
