"""`make rename`: the project is then what the template makes of the new name, with all edits, and updates go on."""

import re
import shutil
import subprocess
from pathlib import Path

import copier
import pytest
import yaml
from conftest import PAIRS, ROOT, Render, commit, contents, git, make, run, variant_name

OF_THEIR_OWN = ("dvc_remote", "ingress_host", "k8s_namespace")  # answers whose defaults contain the package's name
LONG = "what_customers_of_the_northern_branches_will_order_next"


def _repository(source: Path, folder: Path) -> Path:
    shutil.copytree(source, folder)
    git(folder, "init", "--quiet")
    return _committed(folder)


def _committed(folder: Path) -> Path:
    commit(folder)
    return folder


def _rename(folder: Path, name: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
    return make(folder, "rename", f"NAME={name}", ok=ok)


@pytest.mark.parametrize("variant", PAIRS, ids=variant_name)
@pytest.mark.parametrize(("old", "new"), [("customer_model", LONG), ("model", "churn"), (LONG, "x_")])
def test_a_renamed_project_is_what_the_template_makes_of_the_new_name(
    render: Render, tmp_path: Path, variant: dict[str, str], old: str, new: str
) -> None:
    made = render(**variant, package_name=old)
    answers = yaml.safe_load((made / ".copier-answers.yml").read_text())
    renamed = _repository(made, tmp_path / "project")
    _rename(renamed, new)
    expected = contents(render(**variant, package_name=new, **{name: answers[name] for name in OF_THEIR_OWN}))
    found = contents(renamed)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def test_words_that_only_look_like_the_name_stay(render: Render, tmp_path: Path) -> None:
    project = _repository(render(package_name="churn"), tmp_path / "project")
    own = project / "src/churn/ours.py"
    own.write_text(
        "import churn.app\nfrom churn import app as ours\n\n"
        'churn = {"churn": churn.app, "re-churn": ours}\nMODULE, PLACE = "churn.pipeline.train", "src/churn/x"\n'
        "data_churn, other = churn.mean(), frame.churn.pipeline\n"
    )
    (project / "NOTES.md").write_text(
        "Churn is churn. `src/churn/ours.py`, `src/churn-notes`, other.example.com/churn\n"
    )
    _committed(project)
    _rename(project, "loss")
    assert (project / "src/loss/ours.py").read_text() == (
        "import loss.app\nfrom loss import app as ours\n\n"
        'churn = {"churn": loss.app, "re-churn": ours}\nMODULE, PLACE = "loss.pipeline.train", "src/loss/x"\n'
        "data_churn, other = churn.mean(), frame.churn.pipeline\n"
    )
    assert (project / "NOTES.md").read_text() == (
        "Churn is churn. `src/loss/ours.py`, `src/churn-notes`, other.example.com/churn\n"
    )


@pytest.fixture
def fresh(render: Render, tmp_path: Path) -> Path:
    return _repository(render(), tmp_path / "project")


def test_a_name_that_cannot_be_is_refused_and_nothing_changes(fresh: Path) -> None:
    reserved = re.findall(r"'([a-z]+)'", (ROOT / "questions/project.yml").read_text().partition("set reserved")[2])
    program = (
        "import sys; from customer_model.engineroom.updating import rename\n"
        "sys.exit(str([name for name in sys.argv[1:] if not rename._mistake('customer_model', name)]))"
    )
    assert len(reserved) > 60
    assert run(fresh, "python", "-c", program, *reserved, "bench", "pytest", ok=False).stderr.strip() == "[]"
    for name in ("Churn", "1st", "a-b", "a b", "a/b", "class", "customer_model"):
        done = _rename(fresh, name, ok=False)
        assert done.returncode and len(done.stderr.splitlines()) == 2 and not done.stdout, done
    (fresh / "src/loss").mkdir()
    assert "src/loss is there already" in _rename(fresh, "loss", ok=False).stderr
    assert "needs NAME=" in make(fresh, "rename", ok=False).stderr
    assert git(fresh, "status", "--porcelain") == ""


def test_work_that_is_not_committed_stops_it(fresh: Path) -> None:
    (fresh / "notes.md").write_text("ours\n")
    done = _rename(fresh, "loss", ok=False)
    assert done.returncode and "notes.md is not committed: commit or stash" in done.stderr
    assert not (fresh / "src/loss").exists()


@pytest.fixture
def next_release(template: Path, tmp_path: Path) -> Path:
    """The template with a release after the work tree's, which changes a line of many files."""
    clone = tmp_path / "template"
    git(template, "clone", "--quiet", str(template), str(clone))
    for file in (clone / "template/docs/service.md", *(clone / "template").rglob("src/**/*.py")):
        file.write_text(f"{file.read_text()}\n# of the next release\n")
    _committed(clone)
    git(clone, "tag", "v10000.0.0")
    return clone


def _from(template: Path, project: Path) -> Path:
    """The project, as if it had been made from this template."""
    answers = project / ".copier-answers.yml"
    answers.write_text(re.sub("(?m)^_src_path: .*", f"_src_path: {template}", answers.read_text()))
    return _committed(project)


@pytest.mark.slow
def test_a_trained_project_goes_on_under_its_new_name(trained_copy: Render, next_release: Path) -> None:
    project = _from(next_release, trained_copy())
    package = project / "src/customer_model"
    for file in (*package.rglob("*.py"), project / "README.md", project / "dvc.yaml"):
        file.write_text(f"# ours\n{file.read_text()}")
    _committed(project)
    _rename(project, "order_model")
    _committed(project)
    make(project, "lint")
    run(project, "python", "-m", "pytest", "-q", "tests/test_contract.py", "tests/test_routes.py")
    assert "order_model" in make(project, "--dry-run", "serve").stdout
    copier.run_update(project, defaults=True, overwrite=True, quiet=True)
    assert git(project, "diff", "--name-only", "--diff-filter=U") == "" and not package.exists()
    modules = [path.read_text() for path in (project / "src/order_model").rglob("*.py")]
    assert len(modules) > 50
    assert all(text.startswith("# ours\n") and text.endswith("# of the next release\n") for text in modules)
    assert (project / "README.md").read_text().startswith("# ours\n")


def test_another_name_in_an_update_is_refused_with_the_verb(fresh: Path, next_release: Path) -> None:
    project = _from(next_release, fresh)
    with pytest.raises(ValueError, match=r"make rename NAME=order_model"):
        copier.run_update(project, data={"package_name": "order_model"}, defaults=True, overwrite=True, quiet=True)
    git(project, "reset", "--hard", "--quiet")
    _rename(project, "order_model")
    _committed(project)
    copier.run_update(project, data={"package_name": "order_model"}, defaults=True, overwrite=True, quiet=True)
    assert (project / "docs/service.md").read_text().endswith("# of the next release\n")
