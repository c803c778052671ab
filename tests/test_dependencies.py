"""dvc.yaml names all that a stage reads and runs, and a check prints the line that is missing."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import UNTOUCHED, Render, run
from test_render import COMBINATIONS

CHECK = ("python", "-m", "customer_model", "dependencies")
RECORDS = "engineroom/reading/records.py"
PLANTED = {  # a file that a user adds, what else is edited for it, and a stage that then reads or runs the file
    "src/customer_model/relative.py": (RECORDS, "from ...relative import VALUE", "ingest"),
    "src/customer_model/absolute.py": (
        RECORDS,
        "import customer_model.absolute as own",
        "split",
    ),
    "src/customer_model/inside.py": ("pipeline/gate.py", "def late():\n    from .. import inside", "gate"),
    "src/customer_model/dynamic.py": ("pipeline/split.py", "x = import_module('..dynamic', __package__)", "split"),
    "src/customer_model/extras/__init__.py": ("relative.py", "from .extras.deep import VALUE", "tune"),
    "src/customer_model/extras/deep.py": ("relative.py", "", "tune"),
    "outside.py": ("engineroom/bundle/bundle.py", "from outside import VALUE", "report"),
    "src/customer_model/words.txt": ("relative.py", "Path(__file__).parent / 'words.txt'", "tune"),
    "src/customer_model/lists/stop.txt": ("relative.py", "(files(__package__) / 'lists/stop.txt')", "tune"),
    "lookup/regions.csv": ("pipeline/evaluate.py", "LOOKUP = Path('lookup')\nread(LOOKUP / 'regions.csv')", "evaluate"),
    "prices/2026.csv": ("pipeline/train.py", "[open(f'prices/{year}.csv') for year in years]", "train"),
    "codes/eu.csv": ("pipeline/report.py", "ALL = [read('codes/' + name) for name in names]", "report"),
    "apart/first.py": (RECORDS, "import apart.first", "tune"),
    "apart/near.py": ("../../apart/first.py", "from . import near", "tune"),
    "scripts/extra.py": ("../../scripts/extra.py", "import beside", "extra"),
    "scripts/beside.py": ("../../scripts/beside.py", "from customer_model import project", "extra"),
    "data/levels.csv": ("pipeline/split.py", "LEVELS = 'data/levels.csv'", "split"),
}


@pytest.mark.parametrize("answers", COMBINATIONS, ids=lambda answers: "-".join(answers.values()))
def test_dvc_yaml_names_all_that_stages_read_and_run(render: Render, answers: dict[str, str]) -> None:
    """Otherwise an edit leaves a stale result in place."""
    run(render(**answers), *CHECK, **UNTOUCHED)


def test_what_dvc_yaml_lacks_is_said_with_its_line(project: Render) -> None:
    folder = project()
    package = folder / "src/customer_model"
    for name, (editor, line, _) in PLANTED.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("VALUE = 1\n")
        file = package / editor
        file.write_text(f"{file.read_text() if file.exists() else ''}\n{line}\n")
    dvc = folder / "dvc.yaml"
    dvc.write_text(f"{dvc.read_text()}  extra:\n    cmd: python scripts/extra.py\n    deps: []\n")
    said = run(folder, *CHECK, ok=False).stderr
    for name, (_, _, stage) in PLANTED.items():
        assert re.search(rf"the stage {stage} needs `- ({Path(name).parent}|{name})` under deps", said), (name, said)
    content = yaml.safe_load(dvc.read_text())
    for stage, path in re.findall(r"the stage (\w+) needs `- ([^`]+)`", said):
        content["stages"][stage]["deps"].append(path)
    dvc.write_text(yaml.safe_dump(content))
    run(folder, *CHECK)
    for stage, path in (
        ("evaluate", "data/parts/validation.parquet"),
        ("train", "artifacts/ingest.json"),
        ("ingest", "data/raw"),
    ):
        content["stages"][stage]["deps"].remove(path)
    dvc.write_text(yaml.safe_dump(content))
    said = run(folder, *CHECK, ok=False).stderr
    assert (
        "evaluate needs `- data/parts/validation.parquet`" in said and "train needs `- artifacts/ingest.json`" in said
    )
    assert "source.path is data/raw/customers.csv, which the stage ingest does not depend on" in said
    (folder / "elsewhere").mkdir()
    (folder / "data/raw").symlink_to(folder / "elsewhere")
    assert "the link data/raw, behind which DVC sees nothing" in run(folder, *CHECK, ok=False).stderr
