"""What people look at, in a real browser: /docs answers when its example is pressed, the report shows its pictures."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import TASKS, Render
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
