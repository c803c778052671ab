"""A throw-away PostgreSQL server for tests, of Debian's package: `apt-get install postgresql`."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

START_S = 30
USER = "postgres"  # the package made it; the server refuses to run as root


def binaries() -> Path:
    """The folder of the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise FileNotFoundError("no PostgreSQL server is installed: `apt-get install postgresql`")
    return found[-1].parent


class PostgreSQL:
    """`with PostgreSQL() as server:` runs an empty server on a free port of the loopback; it syncs as in production.

    `stop` and `start` keep the data and the port.
    """

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-"))

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Self:
        try:
            if os.geteuid() == 0:
                shutil.chown(self.folder, USER, USER)
            options = ["--pgdata", str(self.folder / "data"), "--username", USER, "--auth", "trust", "--no-sync"]
            subprocess.run([*self._command("initdb"), *options], check=True, capture_output=True, cwd=self.folder)
            self.start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        options = ["-D", "data", "-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command("postgres"), *options, "-c", f"unix_socket_directories={self.folder}"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,  # a Ctrl-C is for the tests, which stop the server
            )
        deadline = time.monotonic() + START_S
        ready = [binaries() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Ends the server; by default at once, as a power cut would."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(timeout=START_S)

    def create(self, schema: str) -> str:
        """The URL of a new, empty schema: to those who connect to it, a database of their own.

        Real databases are hundreds of files each, and a server that was stopped at once looks at all of them.
        """
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            connection.execute(f'CREATE SCHEMA "{schema}"')
        return f"{self.url}?options=-csearch_path%3D{schema}"

    def _command(self, program: str) -> list[str]:
        # setpriv replaces itself by the program, so that its process can be signalled
        switch = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
        return [*switch, str(binaries() / program)]


def select(url: str, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query, of a PostgreSQL database by its URL or of a SQLite file by its path."""
    if "://" in url:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            return connection.execute(query).fetchall()
    with sqlite3.connect(url) as connection:
        return connection.execute(query).fetchall()
