"""`make benchmarks`: the default project's service beside other servers of the same model, as a Markdown table.

Needs only the standard library: everything else goes into an environment of its own, `.benchmarks/venv`, which this
program runs in, and the project and its trained model are made in `.benchmarks/customer-model`.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PROJECT = ROOT / ".benchmarks/customer-model"
PEERS = ["bentoml>=1.4", "litserve>=0.2", "psutil>=6"]
QUIET = {
    "COPIER_SETTINGS_PATH": os.devnull,
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONPATH": f"{PROJECT}:{Path(__file__).parent}",
    "PATH": f"{BIN}:{os.environ['PATH']}",
}


def main() -> None:
    if not (BIN / "uv").exists():
        run([BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv>=0.8"])
    install("copier==9.19.*")
    run([BIN / "copier", "copy", "--defaults", "--overwrite", "--quiet", "--vcs-ref", "HEAD", ROOT, PROJECT])
    install("--editable", f"{PROJECT}[train]", *PEERS)
    if not (PROJECT / "artifacts/bundle/SHA256SUMS").exists():
        run([BIN / "python", "-m", "sample"])
        run([BIN / "python", "-m", "customer_model", "pipeline"])
    run([BIN / "python", Path(__file__).parent / "measure.py", *sys.argv[1:]])


def install(*arguments: str) -> None:
    run([BIN / "uv", "pip", "install", "--quiet", "--python", BIN / "python", *arguments])


def run(command: list[str | Path]) -> None:
    folder = PROJECT if PROJECT.exists() else ROOT
    if status := subprocess.run(command, cwd=folder, env=os.environ | QUIET, check=False).returncode:
        sys.exit(f"benchmarks: {' '.join(map(str, command))} ended with status {status}")


if __name__ == "__main__":
    main()
