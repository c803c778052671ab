"""The report: one file that people who do not read code can open, print and trust."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from conftest import TASKS, VENV, Render, run

pytestmark = pytest.mark.slow
VOID = {"meta", "img", "br"}
SECTIONS = {"headline", "gate", "problem", "data", "dictionary", "split", "candidates", "metrics", "plots", "slices"}
SECTIONS |= {"importance", "costs", "limits", "lineage"}
AWKWARD = '<script>alert("1")</script> {{ 7 * 7 }} {% raw %} | *bold* Отток 🦊'


class Page(HTMLParser):
    """What a browser would see; a tag that is not closed in order is an error."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@pytest.fixture(params=TASKS)
def report(trained: Render, request: pytest.FixtureRequest) -> Path:
    return trained(task=request.param) / "artifacts/report"


@pytest.fixture
def page(report: Path) -> Page:
    return Page(report / "report.html")


def write_again(project: Path) -> Page:
    package = next((project / "src").iterdir()).name
    run(project, str(VENV / "bin/python"), "-m", f"{package}.pipeline.report")
    return Page(project / "artifacts/report/report.html")


def test_every_section_stands_in_the_page_and_in_its_contents(page):
    assert set(page.attributes("id")) >= SECTIONS
    assert {link.removeprefix("#") for link in page.attributes("href")} == SECTIONS


def test_nothing_is_loaded_from_elsewhere(page, report):
    assert all(source.startswith("data:image/png;base64,") for source in page.attributes("src"))
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    assert "url(" not in (report / "report.html").read_text() and "@import" not in (report / "report.html").read_text()


def test_the_pictures_are_in_the_page_and_beside_it(page, report):
    files = list((report / "plots").glob("*.png"))
    assert len(files) == len(page.attributes("src")) >= 3
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
    assert all(page.attributes("alt"))


def test_a_passing_model_is_called_so_in_all_documents(page, report):
    assert "Passed: the model meets" in page.text and "FAILED" not in page.text
    assert "**Passed**" in (report / "model_card.md").read_text()


def test_figures_are_written_for_people(page):
    assert re.search(r"Of 100 .* about \d+ \(95% interval \d+ to \d+\)", page.text)
    assert not re.search(r"\d\.\d{8}|\bnan\b|\bNone\b", page.text)


def test_the_dictionary_names_every_column(report, page):
    columns = yaml.safe_load((report.parents[1] / "contract.yaml").read_text())["columns"]
    dictionary = (report / "data_dictionary.md").read_text()
    assert all(f"| {name} |" in dictionary and name in page.text for name in columns)


def test_a_failed_gate_is_named_with_its_reasons(trained_copy):
    project = trained_copy(task="classification")
    verdict = project / "artifacts/gate.json"
    gate = json.loads(verdict.read_text())
    gate["passed"] = gate["checks"][1]["passed"] = False
    gate["checks"][1]["says"] = "roc_auc is 0.6 where region is '<north>'"
    verdict.write_text(json.dumps(gate))
    assert "FAILED: the model must not go live" in (text := write_again(project).text)
    assert text.count("roc_auc is 0.6 where region is '<north>'") == 2
    assert "- roc_auc is 0.6 where region is '\\<north\\>'" in (project / "artifacts/report/model_card.md").read_text()


def test_what_the_contract_says_is_text_and_nothing_else(trained_copy):
    project = trained_copy(task="classification")
    contract = project / "contract.yaml"
    text = contract.read_text(encoding="utf-8")
    for key in ("  name", "  scope", "    description"):  # the first of each; JSON is YAML
        text = re.sub(
            rf"^{key}: .*$",
            lambda line, key=key: f"{key}: {json.dumps(AWKWARD, ensure_ascii=False)}",
            text,
            count=1,
            flags=re.M,
        )
    contract.write_text(text, encoding="utf-8")
    page = write_again(project)
    assert page.text.count(AWKWARD) >= 5  # title, heading, scope, limits, dictionary
    dictionary = (project / "artifacts/report/data_dictionary.md").read_text()
    row = next(line for line in dictionary.splitlines() if "script" in line and line.startswith("|"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 9 and "\\<script\\>" in row and "{{ 7 \\* 7 }}" in row


def test_what_is_not_sure_is_said(trained_copy):
    """A class that hardly occurs stands beside the verdict; prices that nobody set are no money; nobody else won."""
    project = trained_copy(task="classification")
    path = project / "artifacts/evaluation.json"
    evaluation = json.loads(path.read_text())
    assert "Too few test records" not in (sure := write_again(project).text) and "By class" in sure
    assert "the ones it starts with" not in sure and "they do not compete" in sure
    assert sum(row["rows"]["test"] for row in evaluation["classes"]) == evaluation["rows"]
    evaluation["classes"][1]["rows"]["test"] = 6
    evaluation["costs"]["stated"] = False
    path.write_text(json.dumps(evaluation))
    text = write_again(project).text
    assert text.count("how well these classes are told: yes (6)") == 2 and text.count("too few to judge") == 1
    assert "the ones it starts with, 1 for each error" in text
    assert "told: yes (6)" in (project / "artifacts/report/model_card.md").read_text()
