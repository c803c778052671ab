"""Does it answer? Each question is a process of its own, because MLflow, DVC and drivers can wait for minutes.

Run with its name as argument and what it needs in `$DOCTOR`, where a list of processes does not show a password. What
was found is the last line; the status is 1 where there was no answer.
"""

import os
import sys
from pathlib import Path

from ..serving.log import connect, url_of

CONNECT_S = 5


def prediction_log() -> str:
    """A path, or the URL of a PostgreSQL."""
    url = url_of(os.environ["DOCTOR"])
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and not Path(url.database or "").exists():
        return "not there yet: the service makes it"
    with connect(url, exists=True).connect() as connection:
        # SQLite reads its file only where a table is asked for.
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master" if sqlite else "SELECT 1")
    return "answers"


def mlflow() -> str:
    """The tracking server, and whom its registry names as champion."""
    uri, name = os.environ["DOCTOR"].split("\n")
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        return "not there yet: make pipeline makes it"
    os.environ |= {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(CONNECT_S), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    from mlflow import MlflowClient

    found = MlflowClient(uri, uri).search_registered_models(f"name = '{name}'")
    aliases = ", ".join(f"{alias} {version}" for model in found for alias, version in sorted(model.aliases.items()))
    return f"answers; registered as {name}: {aliases or 'nothing yet'}"


def dvc_remote() -> str:
    """Where `dvc push` puts data."""
    from dvc.repo import Repo

    repo = Repo()
    if not repo.config["core"].get("remote"):
        return "none is configured"
    store = repo.cloud.get_remote_odb()
    there = store.fs.exists(store.path)
    return f"{store.path} answers" if there else f"{store.path} is not there yet: dvc push makes it"


def main() -> None:
    probe = {probe.__name__: probe for probe in (prediction_log, mlflow, dvc_remote)}[sys.argv[1]]
    try:
        print(probe())
    except ModuleNotFoundError as error:
        print(f"not asked, as {error.name} is not installed")
    except Exception as error:  # whatever it is: it is what was to be found out
        sys.exit((str(error).strip() or type(error).__name__).splitlines()[0])


if __name__ == "__main__":
    main()
