"""Does it answer? Each question is a process of its own, because MLflow, DVC and drivers can wait for minutes.

Run with its name as argument and what it needs in `$DOCTOR`, where a list of processes does not show a password. What
was found is the last line; the status is 1 where there was no answer.
"""

import os
import sys
from pathlib import Path

from sqlalchemy import create_engine, make_url

CONNECT_S = 5


def prediction_log() -> str:
    """A path, or the URL of a PostgreSQL."""
    log = os.environ["DOCTOR"]
    if "://" not in log:
        log = f"sqlite:///{Path(log).absolute()}"
    url = make_url(log)
    if url.get_backend_name() == "sqlite":
        return _try(str(url)) if Path(url.database or "").exists() else "not there yet: the service makes it"
    return _try(url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False), CONNECT_S)


def _try(url: str, patience: int | None = None) -> str:
    """Open a database and read from it; a file is read only where a table is asked for."""
    question = "SELECT 1" if patience else "SELECT count(*) FROM sqlite_master"
    with create_engine(url, connect_args={"connect_timeout": patience} if patience else {}).connect() as connection:
        connection.exec_driver_sql(question)
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
