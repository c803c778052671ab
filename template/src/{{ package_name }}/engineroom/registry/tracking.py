"""MLflow as this project uses it: it answers within seconds or is given up, and its files lie beside its database."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, create_engine, inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

from ..contract import UserError
from ..settings import Environment

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
FIRST_ANSWER_S = 5
# MLflow's own defaults let a server that is down keep its caller waiting for minutes. Who sets these has a reason.
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
IMPATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(FIRST_ANSWER_S), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
QUIET = {"MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
LOCAL = re.compile(r"(/.*)/(mlruns/\d+(?:/[0-9a-f]{32}/artifacts)?)")
LONGEST_REASON = 200


class TrackingError(UserError):
    """MLflow cannot be used; the message says where it was looked for and why not."""


@contextmanager
def mlflow_answers() -> Iterator[None]:
    """Whatever MLflow raises becomes one sentence. Only calls of MLflow belong inside.

    Raises:
        TrackingError: when it cannot be reached, refuses, or fails.
    """
    from mlflow.exceptions import MlflowException

    uri = Environment().mlflow_tracking_uri
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError, ImportError, ValueError) as error:
        raise TrackingError(f"MLflow at {_shown(uri)} cannot be used: {_reason(error, uri)}") from None


def connect() -> None:
    """Make MLflow use this project's tracking store, once that has answered.

    Raises:
        TrackingError: when it does not, within seconds.
    """
    uri = Environment().mlflow_tracking_uri
    chosen = {name: os.environ.get(name, value) for name, value in (PATIENCE | QUIET).items()}
    os.environ.update({name: os.environ.get(name, value) for name, value in (IMPATIENCE | QUIET).items()})
    with mlflow_answers():
        from mlflow import MlflowClient, set_tracking_uri

        if re.split(r"[+:]", uri)[0] in DATABASES:
            _try_database(uri)
        set_tracking_uri(uri)
        MlflowClient().search_experiments(max_results=1)
    os.environ.update(chosen)


def _try_database(uri: str) -> None:
    """Open a database for writing: MLflow would try for minutes. One in the project's folder belongs to this folder."""
    url = make_url(uri)
    sqlite = url.get_backend_name() == "sqlite"
    timeout = "timeout" if url.get_backend_name() in ("sqlite", "mssql") else "connect_timeout"
    file = Path(url.database or "").absolute()
    if sqlite and not url.query:
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={timeout: FIRST_ANSWER_S}, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            version = connection.exec_driver_sql("PRAGMA user_version").scalar()
            connection.exec_driver_sql(f"PRAGMA user_version = {version}")  # writes, which a read-only file refuses
            if file.is_file() and file.resolve().is_relative_to(Path.cwd()):
                _bring_along(connection)
            connection.exec_driver_sql("COMMIT")
    engine.dispose()


def _bring_along(connection: Connection) -> None:
    """Let a database that was moved or copied with its project mean the files that came along.

    MLflow keeps absolute paths: it would go on writing into the old folder, and read from there.
    """
    here = Path.cwd().as_posix()
    tables = {"experiments": ("experiment_id", "artifact_location"), "runs": ("run_uuid", "artifact_uri")}
    for table in tables.keys() & {*inspect(connection).get_table_names()}:
        key, column = tables[table]
        for row, uri in connection.exec_driver_sql(f"SELECT {key}, {column} FROM {table}").fetchall():
            path = unquote(urlsplit(uri).path) if (uri or "").startswith("file:") else uri or ""
            found = LOCAL.fullmatch(path)
            if found and found[1] != here and (table == "experiments" or Path(found[2]).is_dir()):
                moved = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"
                connection.exec_driver_sql(moved, (f"{here}/{found[2]}", row))


def _shown(uri: str) -> str:
    """Without a password."""
    return re.sub(r"//[^@/]*@", "//***@", uri)


def _reason(error: BaseException, uri: str) -> str:
    """The innermost error's text, on one line: what is around it repeats it."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    line = " ".join(_shown(str(told).replace(uri, _shown(uri))).split())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}..."
