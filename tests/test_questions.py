"""Answers: every default renders, every bad answer is refused in a sentence, free text arrives as it was typed."""

import ast
import itertools
import json
import tomllib
from pathlib import Path

import copier
import pytest
import yaml
from conftest import MODALITIES, PAIRS, TASKS, VARIANTS, Render, copy_template, variant_name

SECRET_REMOTES = (
    "https://ann:hush@dav.example.com/data",
    "https://token@dav.example.com/data",
    "s3://AKIA123:hu/sh@bucket/path",
    "ssh://ann:hush@host/data",
    "ann:hush@host:/data",
    "azure://container/path?sv=2024&sig=hush",
    "azure://DefaultEndpointsProtocol=https;AccountName=ann;AccountKey=hush",
    "s3://bucket/path?AWS_SECRET_ACCESS_KEY=hush",
    "gs://bucket?access_token=hush",
)
SECRET_SERVERS = (
    "https://ann:hush@mlflow.example.com",
    "https://token@mlflow.example.com",
    "http://mlflow.example.com/?api_key=hush",
    "postgresql+psycopg://ann:p@ss@host/mlflow",
    "postgresql://host/mlflow?user=ann&password=hush",
    "mssql://host/mlflow?PWD=hush",
)
HARMLESS = (
    ("ssh://ann@host:22/data", "https://mlflow.example.com:5000/token/a@b"),
    ("abfs://container@account.dfs.core.windows.net/data", "postgresql://mlflow@host:5432/db?sslmode=require"),
    ("../a@b", "sqlite:///keys.db"),
    ("s3://keys/token", "http://localhost:5000"),
)
BAD_ANSWERS = [
    ({"framework": "sklearn", "accelerator": "gpu"}, "choose accelerator=cpu, or framework=torch"),
    ({"modality": "sound"}, "sound"),
    ({"project_name": " "}, "must not be empty"),
    ({"project_name": "two\nlines"}, "must fit on one line"),
    ({"package_name": "2fast"}, "start with a letter"),
    ({"package_name": "class"}, "is a Python keyword"),
    ({"package_name": "mlflow"}, "would hide a library"),
    ({"description": ""}, "must not be empty"),
    ({"author": " "}, "must not be empty"),
    ({"dvc_remote": "s3://a bucket"}, "must not contain white space"),
    ({"mlflow_tracking_uri": "./mlruns"}, "must be an http(s) or database URL"),
    *(({"dvc_remote": url}, "git does not see") for url in SECRET_REMOTES),
    *(({"mlflow_tracking_uri": url}, "git does not see") for url in SECRET_SERVERS),
    ({"container_registry": "https://registry.example.com"}, "without https:// in front"),
    ({"k8s_namespace": "Churn_Model"}, "lower-case letters, digits and hyphens"),
    ({"ingress_host": "https://churn.example.com/"}, "must be a DNS name"),
    ({"task": "clustering"}, "clustering"),
    ({"licence": "WTFPL"}, "WTFPL"),
]
AWKWARD = "He said \"hi\" & 'bye' {{ 7 * 7 }} {% raw %} \\n <b>#: - 🚀 Привет"
LICENCES = ("MIT", "Apache-2.0", "BSD-3-Clause", "Proprietary")


@pytest.mark.parametrize(("answers", "sentence"), BAD_ANSWERS, ids=lambda value: str(value)[:50])
def test_a_bad_answer_is_refused_in_a_sentence(
    template: Path, tmp_path: Path, answers: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match="Validation error|Invalid choice") as error:
        copy_template(template, tmp_path / "project", **answers)
    assert sentence in str(error.value)
    assert not (tmp_path / "project/pyproject.toml").exists()


@pytest.mark.parametrize(("dvc_remote", "mlflow_tracking_uri"), HARMLESS)
def test_an_address_without_a_secret_is_taken(
    template: Path, tmp_path: Path, dvc_remote: str, mlflow_tracking_uri: str
) -> None:
    copy_template(template, tmp_path, dvc_remote=dvc_remote, mlflow_tracking_uri=mlflow_tracking_uri)
    assert dvc_remote in (tmp_path / ".dvc/config").read_text()
    assert mlflow_tracking_uri in (tmp_path / "project.env").read_text()


@pytest.mark.parametrize(("answers", "sentence"), BAD_ANSWERS[:1], ids=lambda value: str(value)[:50])
def test_an_illegal_combination_is_refused_from_a_data_file(
    template: Path, tmp_path: Path, answers: dict[str, str], sentence: str
) -> None:
    from copier._cli import CopierApp

    (tmp_path / "answers.yml").write_text(yaml.safe_dump(answers))
    arguments = ["copier", "copy", "--defaults", "--quiet", "--data-file", str(tmp_path / "answers.yml")]
    with pytest.raises(ValueError, match="Validation error") as error:
        CopierApp.run([*arguments, str(template), str(tmp_path / "project")], exit=False)
    assert sentence in str(error.value)


def test_free_text_arrives_as_it_was_typed(render: Render) -> None:
    text, several = AWKWARD, AWKWARD + "\nsecond line"
    project = render(project_name=text, package_name="odd", description=several, author=several, licence="MIT")
    metadata = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    one_line = several.replace("\n", " ")
    assert metadata["description"] == one_line
    assert metadata["authors"] == [{"name": one_line}]
    assert yaml.safe_load((project / ".copier-answers.yml").read_text())["description"] == several
    assert text in (project / "README.md").read_text()
    assert one_line in (project / "LICENSE").read_text()
    for path in project.rglob("*.y*ml"):
        list(yaml.safe_load_all(path.read_text()))
    for path in project.rglob("*.py"):
        ast.parse(path.read_text())


def test_the_package_name_follows_from_the_project_name(template: Path, tmp_path: Path) -> None:
    for number, (name, package) in enumerate(
        [
            ("Churn 2.0: EU", "churn_2_0_eu"),
            ("3 Musketeers", "project_3_musketeers"),
            ("Привет", "project"),
            ("Bonität für Möß & Fiancé", "bonitaet_fuer_moess_fiance"),
        ]
    ):
        copy_template(template, tmp_path / str(number), project_name=name)
        assert (tmp_path / str(number) / "src" / package / "app.py").exists()


def test_defaults_need_no_trust(template: Path) -> None:
    content = yaml.safe_load((template / "copier.yml").read_text().split("\n---\n")[0])
    assert not {"_tasks", "_jinja_extensions"} & content.keys()


def test_hidden_questions_are_not_recorded(render: Render) -> None:
    answers = yaml.safe_load((render() / ".copier-answers.yml").read_text())
    assert not [name for name in answers if name.startswith("if_")]
    assert json.dumps(answers)


@pytest.mark.parametrize("licence", LICENCES)
def test_the_licence_is_there_unless_all_rights_are_reserved(render: Render, licence: str) -> None:
    project = render(licence=licence)
    metadata = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    assert (project / "LICENSE").exists() == (licence != "Proprietary")
    assert metadata.get("license") == (licence if licence != "Proprietary" else None)


def test_the_quick_subset_holds_every_pair_of_answers() -> None:
    def pairs(variants: list[dict[str, str]]) -> set[object]:
        return {pair for variant in variants for pair in itertools.combinations(sorted(variant.items()), 2)}

    assert pairs(PAIRS) == pairs(VARIANTS)
    assert all(pairs([v for v in PAIRS if v != left_out]) < pairs(VARIANTS) for left_out in PAIRS)


def test_overlays_land_at_the_root_or_vanish(tmp_path: Path) -> None:
    """The behaviour of Copier that the whole composition rests on: a directory whose name renders to "." or to ""."""
    source = tmp_path / "template"
    for folder in ("{{ if_yes }}", "{{ if_no }}"):
        (source / folder / "deep").mkdir(parents=True)
        (source / folder / "deep" / f"{folder[3:-3]}.txt").write_text("here")
    (source / "copier.yml").write_text(
        "if_yes: {type: str, default: '.', when: false}\nif_no: {type: str, default: '', when: false}\n"
    )
    copier.run_copy(str(source), tmp_path / "project", defaults=True, quiet=True)
    files = {
        str(path.relative_to(tmp_path / "project")) for path in (tmp_path / "project").rglob("*") if path.is_file()
    }
    assert files == {"deep/if_yes.txt"}


def test_no_path_is_in_two_overlays_that_meet(template: Path) -> None:
    """Overlays that can be active together are disjoint; those of one axis give the same files."""
    root = template / "template"
    overlays = {folder.name[3:-3]: _files(folder) for folder in root.iterdir() if folder.name.startswith("{{ if_")}
    shared = _files(root) - {name for name in _files(root) if name.startswith("{{ if_")}
    for name, files in overlays.items():
        assert not files & shared, name
        for other, others in overlays.items():
            if name < other and not _exclude(name, other):
                assert not files & others, (name, other)
    everything = {variant_name(variant): _paths(overlays, variant) for variant in VARIANTS}
    for paths in everything.values():
        assert paths >= {f"src/{{{{ package_name }}}}/{name}.py" for name in ("candidates",)}
    for task in TASKS:  # an answer that changes the task leaves no file without a successor
        for name, paths in everything.items():
            assert paths == everything[name.replace(TASKS[0], task).replace(TASKS[1], task)], name


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _paths(overlays: dict[str, set[str]], variant: dict[str, str]) -> set[str]:
    """What a variant's overlays give, all of them together."""
    active = [files for name, files in overlays.items() if set(name.split("_")[1:]) <= set(variant.values())]
    return set().union(*active)


def _exclude(name: str, other: str) -> bool:
    axes = [set(TASKS), set(MODALITIES), {"sklearn", "torch"}, {"cpu", "gpu"}]
    left, right = set(name.split("_")), set(other.split("_"))
    return any((left & axis) and (right & axis) and left & axis != right & axis for axis in axes)
