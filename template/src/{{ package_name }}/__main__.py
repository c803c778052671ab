"""The project's verbs: `python -m <package> VERB`, as make, images and CronJobs call them.

A verb is a function: its docstring is its help, its parameters are its options, `then` is what to do next. What it
needs, it imports when it is called: help and completion are quick, and the service loads nothing that trains.
"""

import runpy
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click

from .engineroom.commands import REST, Existing, Named, Verbs

STAGES = {
    "ingest": "raw records to typed, de-duplicated, eligible rows",
    "validate": "the data against the contract",
    "split": "train, validation and test parts",
    "tune": "hyperparameters, on folds of the training part",
    "train": "models on the training part, the best one as candidate",
    "evaluate": "the candidate on the test part",
    "gate": "good enough, or why not",
    "report": "HTML report, model card, data dictionary",
}

NEXT = "make pipeline, which runs the rest"

verbs = Verbs(help="From raw records to a monitored service. `make` lists what a person needs of it.")
handed_on = click.argument("options", nargs=-1, type=click.UNPROCESSED)


@verbs.command(then="make pipeline", context_settings=REST)
@handed_on
def sample(options: tuple[str, ...]) -> None:
    """draw the sample data"""
    if not Path("sample").is_dir():
        raise click.UsageError("sample/ is not here: this project has data of its own")
    sys.argv[1:] = options
    runpy.run_module("sample", run_name="__main__")


@verbs.command(then="read contract.yaml, settle its comments, write down goal and costs, then make pipeline")
@click.option("--data", type=Existing(urls=True), required=True, help="a file, a folder of files, or a database's URL")
@click.option("--target", required=True, help="the column to predict")
@click.option("--query", default="", help="table or SELECT, of a database")
def contract(data: str, target: str, query: str) -> None:
    """infer contract.yaml from a file or a database"""
    from .engineroom.drafting import infer_contract

    infer_contract(data, target, query)


@verbs.command(then="open artifacts/report/report.html, then make serve")
def pipeline() -> None:
    """all stages without DVC, then track and accept"""
    from .engineroom import registry
    from .engineroom.stages import command

    for name in STAGES:
        command(stage_of(name))
    try:
        command(registry.track)
    finally:  # whether MLflow answers or not
        command(registry.accept)


def stage_of(name: str) -> Callable[[], None]:
    """A stage: a function with the name of its module."""
    return getattr(import_module(f".pipeline.{name}", __package__), name)


for name, says in STAGES.items():
    verbs.command(name, help=says, then=NEXT)(lambda name=name: stage_of(name)())


@verbs.command(help=STAGES["gate"], then=NEXT)  # in the place of the one above: it has an option
@click.option("--slow", is_flag=True, help="only ask: status 1 where the last verdict found predictions too slow")
def gate(slow: bool) -> int:
    from .pipeline import gate as stage

    if slow:
        return int(stage.slow())
    stage.gate()
    return 0


@verbs.command(then="make promote")
def track() -> None:
    """send the last result to MLflow"""
    from .engineroom.registry import track

    track()


@verbs.command(then="open artifacts/report/report.html, then make serve")
def accept() -> None:
    """make the candidate that passed the gate the bundle"""
    from .engineroom.registry import accept

    accept()


@verbs.command()
def serve() -> None:
    """the service, at SERVICE_HOST and SERVICE_PORT"""
    from .app import application
    from .engineroom.serving.http import serve

    serve(application)


@verbs.command()
@click.argument("name", default="client")
def key(name: str) -> None:
    """a new API key, and its entry for SERVICE_API_KEYS"""
    from .engineroom.serving.http import new_key

    new_key(name)


@verbs.command()
@click.argument("record", type=Existing(), required=False)
def predict(record: Path | None) -> None:
    """send a record, the bundle's or a file's, to the service"""
    from .engineroom.serving.http import predict

    predict(record)


@verbs.command(then="make drift DATA={data} tells whether these records are like those of the training")
@click.option("--data", type=Existing(), required=True, help="CSV, Parquet or JSON lines")
@click.option("--out", type=Named(".csv", ".parquet"), required=True, help="a .csv or .parquet file")
def score(data: Path, out: Path) -> None:
    """score a file of any size, as the service would"""
    from .engineroom.scoring import score_file

    score_file(data, out)


DRIFT = {
    0: "nothing, until more records have come",
    2: "wait for more records, or compare a file: make drift DATA=file",
    3: "read the report; where the change is to last, make retrain",
}


@verbs.command(then=DRIFT, misuse=1)
@click.option("--data", type=Existing(), help="as contract takes it; without it, the prediction log is read")
@click.option("--log", help="a prediction log: a URL, or the path of a SQLite file")
@click.option("--out", type=Path, default="artifacts/drift", help="folder for drift.html and drift.json")
def drift(data: Path | None, log: str | None, out: Path) -> int:
    """new records against the training data: status 3 is drift"""
    from .engineroom.monitoring import drift

    return drift(data, log, out)


def move(verb: str) -> None:
    from .engineroom.registry import move

    move(verb)


@verbs.command(then="make serve BUNDLE=artifacts/champion, or make image deploy")
def promote() -> None:
    """make the current bundle the registry's champion"""
    move("promote")


@verbs.command(then="make serve BUNDLE=artifacts/champion, or make image deploy")
def rollback() -> None:
    """make the previous champion the champion again"""
    move("rollback")


@verbs.command(then="compare the two in the registry, then make promote")
def challenge() -> None:
    """make the current bundle the registry's challenger"""
    move("challenge")


@verbs.command(then="make pipeline")
def snapshot() -> None:
    """fresh records from the database that contract.yaml names"""
    from .engineroom.reading import fetch

    fetch()


@verbs.command()
def dependencies() -> int:
    """what dvc.yaml lacks of the files that stages read"""
    from .engineroom.stages import check_dependencies

    return check_dependencies()


@verbs.command()
def doctor() -> int:
    """what to send with a question"""
    from .engineroom.doctor import examine
    from .engineroom.settings import Environment

    return examine(Environment(), str(__package__))


@verbs.command(then="git diff, then make setup lint test, and commit", context_settings=REST)
@handed_on
def update(options: tuple[str, ...]) -> None:
    """the template's improvements, or another answer"""
    from .engineroom.updating import take_update

    take_update(options)


@verbs.command("update-check", context_settings=REST)
@handed_on
def update_check(options: tuple[str, ...]) -> None:
    """what an update would change here; writes nothing"""
    from .engineroom.updating import check_update

    check_update(options)


@verbs.command(then="git diff, then make setup lint test, and commit")
@click.argument("name")
def rename(name: str) -> None:
    """another name for the package, in every file"""
    from .engineroom.updating import rename_package

    rename_package(name)


if __name__ == "__main__":
    verbs()
