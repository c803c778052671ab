"""`make demo`: what a first user does, from an empty folder to a drift report, with the time of each step.

Needs only the standard library; everything else is installed on the way.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PROJECT = ROOT / ".demo" / "customer-model"
QUIET = {"COPIER_SETTINGS_PATH": os.devnull, "DO_NOT_TRACK": "1"}
START_S = 60


def main() -> None:
    timings: list[tuple[str, float]] = []

    def step(title: str, action: Callable[[], None]) -> None:
        print(f"\n=== {title}", flush=True)
        start = time.monotonic()
        action()
        timings.append((title, time.monotonic() - start))

    step("install Copier", install_copier)
    step("copier copy", render)
    step("make setup", lambda: make("setup"))
    step("make pipeline", lambda: make("pipeline"))
    step("make serve, make predict", serve_and_predict)
    step("make drift on a changed market", drift)
    summary(timings)


def install_copier() -> None:
    if not (BIN / "uv").exists():
        run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv>=0.8"])
    run([BIN / "uv", "pip", "install", "--quiet", "--python", sys.executable, "copier==9.19.*"])


def render() -> None:
    """A new project; the environment of an earlier demo stays, `make setup` brings it up to date."""
    for path in PROJECT.glob("*") if PROJECT.exists() else []:
        if path.name not in (".venv", "uv.lock"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in (".git", ".dvc"):
        shutil.rmtree(PROJECT / name, ignore_errors=True)
    answers = ["--data", f"python_version={sys.version_info.major}.{sys.version_info.minor}"]
    run([BIN / "copier", "copy", "--defaults", "--overwrite", "--quiet", "--vcs-ref", "HEAD", *answers, ROOT, PROJECT])


def serve_and_predict() -> None:
    port = free_port()
    service = subprocess.Popen(
        ["make", "--no-print-directory", "serve", f"PORT={port}"],
        cwd=PROJECT,
        env=environment(),
        start_new_session=True,
    )
    try:
        wait_for(port, service)
        make("predict", f"PORT={port}")
    finally:
        os.killpg(service.pid, signal.SIGTERM)
        service.wait()


def drift() -> None:
    """Draw 2,000 customers of a market that has moved and compare them with the training data."""
    window = PROJECT / "data/new.csv"
    module = [PROJECT / ".venv/bin/python", "-m", "sample"]
    run([*module, "--rows", "2000", "--seed", "7", "--shift", "1", "--out", window], cwd=PROJECT)
    command = ["make", "--no-print-directory", "drift", f"DATA={window}"]
    done = subprocess.run(command, cwd=PROJECT, env=environment(), check=False)
    found = json.loads((PROJECT / "artifacts/drift/drift.json").read_text())
    if done.returncode == 0 or not found["drift"]:
        sys.exit("demo: the drift that was planted should have been found")
    print("(status 3 is drift: that is what a scheduler acts on)")


def make(*arguments: str) -> None:
    run(["make", "--no-print-directory", *arguments], cwd=PROJECT)


def run(command: list[str | Path], cwd: Path = ROOT) -> None:
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment(), check=False)
    if done.returncode != 0:
        sys.exit(f"demo: `{' '.join(map(str, command))}` ended with status {done.returncode}")


def environment() -> dict[str, str]:
    """The caller's environment without what the calling make left in it.

    Bytecode is kept even where the caller's shell says otherwise: compiling each import again doubles every step.
    """
    left_out = ("MAKE", "MFLAGS", "VENV", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)} | QUIET


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and service.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("demo: the service did not start")


def summary(timings: list[tuple[str, float]]) -> None:
    print("\n=== What was done, in seconds")
    for title, seconds in timings:
        print(f"  {title:<34}{seconds:8.1f}")
    print(f"  {'all':<34}{sum(seconds for _, seconds in timings):8.1f}")
    shown = PROJECT.relative_to(ROOT)
    print(f"""
=== Where to look
  {shown}/README.md                          start here
  {shown}/contract.yaml                      the problem, the columns, what counts as good
  {shown}/artifacts/report/report.html       the model, for people who do not read code
  {shown}/artifacts/drift/drift.html         the drift report
  cd {shown} && make serve                   then open http://127.0.0.1:8000/docs""")


if __name__ == "__main__":
    main()
