"""`python -m <package> VERB`: help, completion, arguments that are checked first, and what is next."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import Render, make, run

VERB = (sys.executable, "-m", "customer_model")
OF_MAKE_ALONE = {"help", "setup", "bench", "retrain", "test", "lint", "image", "deploy"}
HEAVY = "sklearn torch pandas pyarrow numpy mlflow dvc evidently optuna matplotlib pydantic fastapi"


@pytest.fixture(scope="module")
def project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command_line") / "project"
    shutil.copytree(render(), folder)
    return folder


def called(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(project / "src"), "COLUMNS": "80"} | variables
    return subprocess.run(
        [*VERB, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def verbs(project: Path) -> set[str]:
    listed = called(project, "--help").stdout.partition("Commands:")[2]
    return set(re.findall(r"^  ([a-z-]+)", listed, re.MULTILINE))


def test_help_fits_a_terminal_and_is_quick(project: Path) -> None:
    called(project, "--help")
    start = time.perf_counter()
    said = called(project, "--help").stdout
    assert time.perf_counter() - start < 0.5
    assert max(map(len, said.splitlines())) <= 80
    assert "..." not in said, "a verb's description is cut off"


def test_a_verb_has_one_name_in_make_and_on_the_command_line(project: Path) -> None:
    makefile = (project / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
    calls = set(re.findall(r"\$\((?:RUN|STEP)\)\)? ([a-z][a-z-]*)", makefile))
    stages = set(yaml.safe_load((project / "dvc.yaml").read_text())["stages"])
    assert targets - verbs(project) == OF_MAKE_ALONE
    assert calls <= verbs(project)
    assert verbs(project) <= calls | stages | {"pipeline"}


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["scor"], 2, "customer_model: 'scor' is no verb, but 'score' is; "),
        (["score", "--out", "o.csv"], 2, "score: Missing option '--data'; "),
        (["score", "--data", "nowhere.csv", "--out", "o.csv"], 2, "nowhere.csv is not there; "),
        (["score", "--data", "README.md", "--out", "o.txt"], 2, "o.txt: the name must end in .csv or .parquet; "),
        (["contract", "--data", "nowhere.csv", "--target", "y"], 2, "nowhere.csv is not there; "),
        (["predict", "nowhere.json"], 2, "nowhere.json is not there; "),
        (["train", "--fast"], 2, "train: No such option '--fast'"),
        (["rename"], 2, "rename: Missing argument 'NAME'; "),
        (["drift", "--data", "nowhere.csv"], 1, "nowhere.csv is not there; "),
        (["drift", "--dat", "x"], 1, "drift: No such option '--dat'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_one_sentence_before_anything_is_imported(
    project: Path, arguments: list[str], status: int, sentence: str
) -> None:
    program = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print([name for name in {HEAVY!r}.split() if name in sys.modules]))\n"
        "from customer_model.__main__ import verbs\n"
        "verbs(sys.argv[1:], prog_name='python -m customer_model')"
    )
    environment = os.environ | {"PYTHONPATH": str(project / "src")}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert sentence in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == "[]\n"


def test_the_options_of_sample_are_its_own(project: Path) -> None:
    assert "--shift" in called(project, "sample", "--help").stdout
    done = called(project, "sample", "--rows", "200", "--out", "data/few.csv")
    assert "200 customers" in done.stdout and (project / "data/few.csv").is_file()


def test_a_project_does_without_the_sample(project: Path) -> None:
    (project / "sample").rename(project / "away")
    done = called(project, "sample")
    linted = make(project, "lint")
    (project / "away").rename(project / "sample")
    assert done.returncode == 2 and "sample/ is not here" in done.stderr and done.stderr.count("\n") == 1
    assert linted.returncode == 0


def test_what_is_next_is_the_last_line_but_not_of_a_step_nor_of_data(project: Path) -> None:
    assert called(project, "sample", "--rows", "200").stdout.splitlines()[-1] == "next: make pipeline"
    assert "next:" not in called(project, "--step", "sample", "--rows", "200").stdout
    assert "next:" not in called(project, "key").stdout


def test_what_the_user_can_mend_is_a_sentence_without_a_next(project: Path) -> None:
    done = called(project, "key", "a b")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "key: a name has at most 64 letters, digits, dots, dashes and underscores\n"
    (project / "contract.yaml").rename(project / "away.yaml")
    done = called(project, "ingest")
    (project / "away.yaml").rename(project / "contract.yaml")
    assert (
        done.returncode == 1
        and done.stderr.startswith("ingest: contract.yaml: no such file; ")
        and "next:" not in done.stdout
    )


def test_a_log_has_plain_lines(project: Path) -> None:
    """Ingest and split are quick; each `tqdm` and Optuna's bar is looked at in the code."""
    called(project, "sample")
    done = called(project, "ingest")
    assert done.returncode == 0 and "\r" not in done.stdout + done.stderr and "it/s" not in done.stderr
    assert done.stdout.splitlines()[-1] == "next: make pipeline, which runs the rest"
    for file in (project / "src").rglob("*.py"):
        text = file.read_text()
        assert len(re.findall(r"\btqdm\(", text)) == text.count("disable=None"), file
        assert "show_progress_bar" not in text, file


def test_bash_completes_verbs_and_options(project: Path, tmp_path: Path) -> None:
    program = tmp_path / "customer-model"
    start = "import sys; from customer_model.__main__ import verbs; sys.argv[0] = 'customer-model'; verbs()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{start}" "$@"\n')
    program.chmod(0o755)
    for words, wanted in ((["customer-model", "dri"], "drift"), (["customer-model", "score", "--o"], "--out")):
        script = (
            'eval "$(VERBS_COMPLETE=bash_source customer-model)"\n'
            f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}\n"
            'entry=$(complete -p customer-model); entry=${entry#*-F }; "${entry%% *}" customer-model\n'
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        done = run(project, "bash", "-c", script, PATH=path, PYTHONPATH=str(project / "src"))
        assert done.stdout.split() == [wanted]


def test_the_program_of_the_project_is_the_same_command_line(project: Path) -> None:
    assert 'customer-model = "customer_model.__main__:verbs"' in (project / "pyproject.toml").read_text()


def test_a_verb_of_ones_own_is_a_function(render: Render, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(render(), folder)
    main = folder / "src/customer_model/__main__.py"
    own = (
        '@verbs.command(then="make pipeline DAYS={days}")\n@click.option("--days", type=int, default=7)\n'
        'def fetch(days: int) -> None:\n    """fetch new records"""\n    print(days)\n\n\nif __name__'
    )
    main.write_text(main.read_text().replace("if __name__", own))
    assert called(folder, "fetch", "--days", "3").stdout == "3\nnext: make pipeline DAYS=3\n"
    assert "fetch new records" in called(folder, "--help").stdout
