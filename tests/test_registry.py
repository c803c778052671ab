"""MLflow behind the emitted project: promotions that are killed, a project that was moved, a server that is down."""

import fcntl
import json
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from conftest import Render, environment, make, run
from test_pipeline import digests

pytestmark = pytest.mark.slow
KILLED = Path(__file__).with_name("killed.py")
FAILURES = {"401": 401, "403": 403, "404": 404, "429": 429, "500": 500, "503": 503, "not-mlflow": 200}
ATTEMPTS = """
import os, sys
from customer_model.engineroom.registry.tracking import TrackingError, connect
for uri in sys.argv[1:]:
    os.environ["MLFLOW_TRACKING_URI"] = uri
    try:
        connect()
    except TrackingError as error:
        print(error)
    else:
        print("it answers")
"""


def version_in(folder: Path) -> str:
    return json.loads((folder / "bundle.json").read_text())["model_version"]


def aliases(project: Path) -> dict[str, int]:
    with closing(sqlite3.connect(project / "mlflow.db")) as connection:
        return dict(connection.execute("SELECT alias, version FROM registered_model_aliases"))


def test_promotion_and_rollback_survive_a_kill_at_every_step(trained_copy: Render, tmp_path: Path) -> None:
    project = trained_copy(task="classification")
    champion = project / "artifacts/champion"
    assert "version 1 of 'customer-model' is the champion" in make(project, "promote").stdout
    first = version_in(champion)
    assert "already" in make(project, "promote").stdout
    assert "no previous champion" in make(project, "rollback", ok=False).stderr
    for damage in (lambda: shutil.rmtree(champion), lambda: (champion / "model.onnx").write_bytes(b"")):
        damage()
        assert "its bundle is back in artifacts/champion" in make(project, "promote").stdout
        assert version_in(champion) == first
    params = yaml.safe_load((project / "params.yaml").read_text())
    (project / "params.yaml").write_text(yaml.safe_dump(params | {"seed": 7}))
    make(project, "pipeline")
    second = version_in(project / "artifacts/bundle")
    moves = {"promote": (first, second, 2), "rollback": (second, first, 1)}
    for verb, (before, after, version) in moves.items():
        kills = [json.loads(line) for line in run(project, "python", str(KILLED), verb).stdout.splitlines()]
        assert len(kills) > 8
        for kill in kills:
            assert kill["killed"]["folder"] in (before, after), kill
            assert kill["killed"]["champion"] and kill["killed"]["champion"] != kill["killed"]["previous"], kill
            assert kill["again"] == 0, kill
            assert kill["after"] == {"champion": version, "previous": 3 - version, "folder": after}, kill
        shutil.rmtree(project / "before")

    # One at a time: the other waits, and says so.
    with (project / "artifacts/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            ["make", "--no-print-directory", "--silent", "rollback"],
            cwd=project,
            env=environment(project),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout and "waiting for its end" in waiting.stdout.readline()
        assert aliases(project) == {"champion": 1, "previous": 2}
    assert "version 2 of 'customer-model' is the champion again" in waiting.communicate(timeout=300)[0]

    # What cannot be fetched changes nothing.
    shutil.move(project / "mlruns", tmp_path / "mlruns")
    failed = make(project, "rollback", ok=False)
    assert failed.returncode != 0 and "the files of version 1 cannot be fetched" in failed.stderr
    assert aliases(project) == {"champion": 2, "previous": 1} and version_in(champion) == second
    shutil.move(tmp_path / "mlruns", project / "mlruns")

    # The image follows; and all of it goes on working under another path.
    elsewhere = project.rename(tmp_path / "another place")
    make(elsewhere, "rollback")
    run(elsewhere, "python", "-m", "customer_model.engineroom.bundle.verdict", str(tmp_path / "shipped"))
    assert version_in(tmp_path / "shipped") == first != version_in(elsewhere / "artifacts/bundle")


def test_a_copied_project_writes_into_its_own_folder(trained_copy: Render, trained: Render) -> None:
    """The copy's database names files of the project that it was copied from, which is still there."""
    project, original = trained_copy(task="classification"), trained(task="classification")
    files = sorted((original / "mlruns").rglob("*"))
    evaluation = project / "artifacts/evaluation.json"
    evaluation.write_text(evaluation.read_text() + "\n")  # another result
    make(project, "track")
    run_id = json.loads((project / "artifacts/run.json").read_text())["run_id"]
    assert sorted((original / "mlruns").rglob("*")) == files
    assert (project / f"mlruns/1/{run_id}/artifacts/bundle/model.onnx").exists()
    with closing(sqlite3.connect(project / "mlflow.db")) as connection:
        paths = connection.execute("SELECT artifact_location FROM experiments UNION SELECT artifact_uri FROM runs")
        assert all(Path(path).is_relative_to(project) for (path,) in paths)
    make(project, "track")
    assert json.loads((project / "artifacts/run.json").read_text())["run_id"] == run_id


@contextmanager
def web_server() -> Iterator[tuple[str, list[str]]]:
    """`/STATUS/...` answers with that status, `/0/...` never; gives its address and the paths that were asked for."""
    asked: list[str] = []
    ends = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = int(self.path.split("/")[1])
            asked.append(self.path)
            if not status:
                ends.wait()
                return
            self.send_response(status)
            self.send_header("Retry-After", "3600")
            self.send_header("Content-Length", "15")
            self.end_headers()
            self.wfile.write(b"<html>no</html>")

        do_GET = do_POST

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        ends.set()
        server.shutdown()


def test_a_tracking_server_that_fails_is_one_sentence_and_costs_no_result(trained_copy: Render, tmp_path: Path) -> None:
    project = trained_copy(task="classification")
    (tmp_path / "text.db").write_text("no database at all, but text " * 9)
    with web_server() as (address, asked), socket.create_server(("127.0.0.1", 0)) as silent:
        uris = {
            "a password": f"http://me:secret@{address[7:]}/403",
            **{name: f"{address}/{status}" for name, status in FAILURES.items()},
            "timed out": f"{address}/0",
            "[Tt]imed out": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "Connection refused": "http://127.0.0.1:9",
            "not known": "http://no.such.host.invalid:5000",
            "Is the server running": "postgresql+psycopg://me:secret@127.0.0.1:9/mlflow",
            "readonly": f"sqlite:///file:{project}/mlflow.db?mode=ro&uri=true",
            "not a database": f"sqlite:///{tmp_path}/text.db",
        }
        told = run(project, "python", "-c", ATTEMPTS, *uris.values()).stdout.splitlines()
        assert len(told) == len(uris), told
        for (name, uri), sentence in zip(uris.items(), told, strict=True):
            assert sentence.startswith("MLflow at ") and "cannot be used" in sentence, (name, sentence)
            assert "secret" not in sentence and len(sentence) < 400, (name, sentence)
            if uri.startswith(address) and uri[len(address) + 1 :] in ("0", "429", "500", "503"):
                assert len([path for path in asked if path.startswith(uri[len(address) :])]) == 1, "it tried again"
    for name in ("Connection refused", "not known", "readonly", "not a database"):
        assert name in told[[*uris].index(name)], told

    before = digests(project / "artifacts/bundle")
    shutil.rmtree(project / "artifacts/bundle")
    done = make(project, "pipeline", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "track: MLflow at http://127.0.0.1:9 cannot be used: Connection refused" in done.stderr
    assert "make track sends it to MLflow later" in done.stdout and "Traceback" not in done.stderr
    assert digests(project / "artifacts/bundle") == before
    refused = make(project, "promote", ok=False, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert refused.returncode != 0 and "promote: MLflow at http://127.0.0.1:9 cannot be used" in refused.stderr
    (project / "mlflow.db").unlink()  # another MLflow, which knows nothing yet
    assert "track: the result is run" in make(project, "track").stdout
    assert "version 1" in make(project, "promote").stdout
