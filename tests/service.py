"""A rendered project's service, started with `make serve` and ended with the test."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from conftest import environment, make

START_S = 60
PATIENCE_S = 30  # for what has to happen; how soon is not judged


class Service:
    """`with Service(project, log) as service:` gives `service.url` and `service.port`; variables are settings."""

    command = ["make", "--no-print-directory", "serve"]

    def __init__(self, project: Path, log: Path | str, **variables: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.project, self.log = project, log
        self.printed = log.with_suffix(".out") if isinstance(log, Path) else Path(tempfile.mkdtemp()) / "service.out"
        self.variables = {
            "SERVICE_PORT": str(self.port),
            "SERVICE_PREDICTION_LOG": str(log),
            "SERVICE_DRAIN_SECONDS": "0",
        } | variables

    def __enter__(self) -> "Service":
        variables = environment(self.project, **self.variables)
        with self.printed.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, cwd=self.project, env=variables, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.1)
        self.__exit__(None, None, None)
        raise RuntimeError(f"the service did not start: {self.output()}")

    def output(self) -> str:
        """What it printed and logged."""
        return self.printed.read_text(encoding="utf-8", errors="replace")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=30)
        deadline = time.monotonic() + 30
        while self._runs() and time.monotonic() < deadline:  # make ends at once, the service when its log is written
            time.sleep(0.05)

    def _runs(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """Ends the service as a machine that fails does: nothing of it runs after that."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)


class Process(Service):
    """The service without make in between, so that its exit status is seen."""

    command = [sys.executable, "-m", "customer_model", "serve"]

    @property
    def memory(self) -> int:
        """Resident bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    @property
    def peak_memory(self) -> int:
        """The most resident bytes so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])

    @property
    def descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def leave(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)


def make_key(project: Path) -> tuple[str, str]:
    """A key, and its entry for the service, as `make key` prints them."""
    key, entry = re.findall(r": +(\S+)$", make(project, "key", "NAME=tests").stdout, flags=re.MULTILINE)
    return key, entry


@contextmanager
def guarded(project: Path, folder: Path, **variables: str) -> Iterator[tuple[Process, str]]:
    """A service that asks for a key, and the key, both as `make key` made them."""
    key, entry = make_key(project)
    keys = {"SERVICE_AUTHENTICATION": "required", "SERVICE_API_KEYS": entry, "SERVICE_ADMIN_KEYS": entry}
    with Process(project, folder / "log.db", **keys, **variables) as service:
        yield service, key


def get(url: str) -> dict[str, Any]:
    with urlopen(url, timeout=30) as response:
        return json.load(response)


def post(url: str, record: dict[str, Any], path: str = "/predict", key: str = "") -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer, an error's too."""
    headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})
    request = Request(url + path, json.dumps(record).encode(), headers)
    try:
        with urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
