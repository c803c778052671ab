"""Drive each server with the same records, one after the other on the same core, and print the table."""

import json
import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
from bench.__main__ import HEADERS, NAIVE, SERVICE, Figures, material, measure, server
from bench.load import request

HERE = Path(__file__).parent
BATCH_ROWS = 1_000
LIBRARIES = ("fastapi", "uvicorn", "onnxruntime", "scikit-learn", "pandas", "mlflow", "bentoml", "litserve")
HEAD = ("server", "requests/s", "p50 ms", "p99 ms", "CPU us", "service is", "rows/s in batches", "MB", "ready s")


@dataclass
class Peer:
    """How a server is started and asked; `batch` gives a body of many records, where the server takes one."""

    name: str
    command: list[str]
    path: str = "/predict"
    health: str = "/health"
    single: Any = staticmethod(lambda record: record)
    batch: Any = None
    batch_path: str = ""


def peers(folder: Path) -> list[Peer]:
    """The service comes first: all others are measured against it."""

    def columnar(records: list[Any]) -> Any:
        return {"columns": {name: [record[name] for record in records] for name in records[0]}}

    def frame(records: list[Any]) -> Any:
        return {"dataframe_records": records}

    def listed(records: list[Any]) -> Any:
        return {"records": records}

    binaries = Path(sys.executable).parent
    mlflow.pyfunc.save_model(folder / "model", python_model=HERE / "mlflow_model.py", pip_requirements=[])
    serve = [
        str(binaries / "mlflow"),
        "models",
        "serve",
        "--env-manager",
        "local",
        "--workers",
        "1",
        "--host",
        "127.0.0.1",
    ]
    return [
        Peer("this service", SERVICE, batch=columnar, batch_path="/predict/batch"),
        Peer("FastAPI, a constant", [sys.executable, str(HERE / "constant.py"), "{port}"]),
        Peer("FastAPI + pandas + scikit-learn", NAIVE, batch=columnar, batch_path="/predict/columns"),
        Peer(
            "mlflow models serve",
            [*serve, "--model-uri", str(folder / "model"), "--port", "{port}"],
            path="/invocations",
            single=lambda record: frame([record]),
            batch=frame,
            batch_path="/invocations",
        ),
        Peer(
            "BentoML, adaptive batching",
            [str(binaries / "bentoml"), "serve", "bentoml_service:Native", "--port", "{port}"],
            health="/readyz",
            single=lambda record: listed([record]),
        ),
        Peer("LitServe, batching", [sys.executable, str(HERE / "litserve_server.py"), "{port}"]),
    ]


def main() -> None:
    seconds = float(sys.argv[1])
    records, _ = material()
    thousand = [records[row % len(records)] for row in range(BATCH_ROWS)]
    rows: list[list[str]] = []
    first: Figures | None = None
    with tempfile.TemporaryDirectory() as folder:
        for peer in peers(Path(folder)):
            print(f"benchmarks: {peer.name}", file=sys.stderr, flush=True)
            singles = [request(peer.path, json.dumps(peer.single(record)).encode(), HEADERS) for record in records]
            with server(peer.command, peer.health) as running:
                load = measure(running, singles, seconds)
                first = first or load
                batched = None
                if peer.batch:
                    batched = [request(peer.batch_path, json.dumps(peer.batch(thousand)).encode(), HEADERS)]
                    batched = measure(running, batched, seconds, connections=1)
                rows.append(row(peer, load, first, batched, running.memory_mb(), running.ready_s))
    print("\n".join(f"| {' | '.join(cells)} |" for cells in (HEAD, ["---"] * len(HEAD), *rows)))
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores {platform.processor() or platform.machine()}, ", end=""
    )
    print(f"Python {platform.python_version()}, {seconds:g} s each; {versions}.")


def row(
    peer: Peer, load: Figures, first: Figures, batched: Figures | None, memory_mb: float, ready_s: float
) -> list[str]:
    return [
        peer.name,
        f"{load.load.rate:,.0f}",
        f"{load.load.percentile(50):.1f}",
        f"{load.load.percentile(99):.1f}",
        f"{load.cpu_us:,.0f}",
        f"{first.load.rate / load.load.rate:.1f}x, CPU {load.cpu_us / first.cpu_us:.1f}x",
        f"{batched.load.rate * BATCH_ROWS:,.0f}" if batched else "",
        f"{memory_mb:.0f}",
        f"{ready_s:.1f}",
    ]


if __name__ == "__main__":
    main()
