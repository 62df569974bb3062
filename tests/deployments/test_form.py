"""A browser fills in the forms, as people do, and the runs that they start come to the report."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import ENDED, Lab, wait_until

from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom

pytest.importorskip("selenium", reason="selenium is not installed")

from chromium import start_chromium
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as it
from selenium.webdriver.support.ui import Select, WebDriverWait

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the lab looks for processes in /proc")

_SECONDS = 120


@pytest.fixture
def browser() -> Iterator[Chrome]:
    browser = start_chromium(1280, 1600)
    yield browser
    browser.quit()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Phantom films and their table, which the lab does not know."""
    write_phantom(tmp_path, PhantomSettings(patients=16, seed=5, long_side=(400, 500)), jobs=1)
    return tmp_path


def test_six_fields_of_a_form_lead_to_a_report_that_its_run_s_page_opens(
    lab: Lab, browser: Chrome, films: Path
) -> None:
    open_form(browser, lab, "pipeline")
    text = browser.find_element(By.TAG_NAME, "body").text
    assert "A recipe for everything that is not asked here" in text
    assert "(Optional)" not in text
    assert "Worker processes" not in text  # Advanced is closed
    fill_in(
        browser,
        Preset="demo",
        Name="by-hand",
        Scans=str(films / "scans"),
        Table=str(films / "JSL.csv"),
        Store=str(lab.home / "store"),
        Outcome="KL grade",
    )
    run = submit(browser, lab, "pipeline")
    assert lab.state(run)["type"] == "COMPLETED", lab.state(run)["message"]

    artifacts = artifacts_of(lab, run)
    assert {"summary", "lineage", "regimes"} <= set(artifacts)
    assert artifacts["lineage"]["data"].startswith("![From the scans to the report](data:image/svg+xml")
    browser.get(f"{lab.api.removesuffix('/api')}/artifacts/artifact/{artifacts['summary']['id']}")
    link = it.element_to_be_clickable((By.LINK_TEXT, "Open the report"))
    WebDriverWait(browser, _SECONDS).until(link).click()
    WebDriverWait(browser, _SECONDS).until(it.number_of_windows_to_be(2))
    browser.switch_to.window(browser.window_handles[-1])
    WebDriverWait(browser, _SECONDS).until(it.title_is("by-hand · JSL report"))
    report = browser.find_element(By.TAG_NAME, "body").text
    assert "Phantom" not in report.split("\n")[0]
    assert "KL grade agrees with the expert's grade" in report
    assert "preset demo" in browser.page_source

    # The same dataset, by its name: what has been trained is not trained again.
    open_form(browser, lab, "train")
    text = browser.find_element(By.TAG_NAME, "body").text
    assert "Scans" not in text
    assert "(Optional)" not in text
    fill_in(browser, Preset="demo", Outcome="KL grade")
    again = submit(browser, lab, "train")
    assert lab.state(again)["type"] == "COMPLETED", lab.state(again)["message"]
    wait_until(lambda: any(line.startswith("train: nothing has changed") for line in log_of(lab, again)))


def open_form(browser: Chrome, lab: Lab, deployment: str) -> None:
    own = {"deployments": {"name": {"any_": [deployment]}}}
    (chosen,) = lab.ask("/deployments/filter", own)
    browser.get(f"{lab.api.removesuffix('/api')}/deployments/deployment/{chosen['id']}/run")
    _field(browser, "Preset")


def fill_in(browser: Chrome, **values: str) -> None:
    """Type into text fields, choose in lists, each by its title."""
    for title, value in values.items():
        field = _field(browser, title)
        if field.tag_name == "select":
            Select(field).select_by_visible_text(value)
        else:
            field.send_keys(value)


def submit(browser: Chrome, lab: Lab, deployment: str) -> str:
    """Press the button until a run has been made, and wait for its end; the run's id."""
    before = {run["id"] for run in lab.runs(deployment)}
    wait_until(lambda: _submitted(browser, lambda: len(lab.runs(deployment)) > len(before)))
    (run,) = [run["id"] for run in lab.runs(deployment) if run["id"] not in before]
    wait_until(lambda: lab.state(run)["type"] in ENDED)
    return str(run)


def log_of(lab: Lab, run: str) -> list[str]:
    """The lines of a run's log that have come so far: they are sent in batches."""
    found = lab.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})
    return [str(line["message"]) for line in found]


def artifacts_of(lab: Lab, run: str) -> dict[str, Any]:
    found = lab.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    return {artifact["key"]: artifact for artifact in found if artifact["key"]}


def _submitted(browser: Chrome, done: Callable[[], bool]) -> bool:
    """Press the button; a page that is still checking the fields takes no notice, and is pressed again."""
    button = it.element_to_be_clickable((By.XPATH, "//button[normalize-space()='Submit']"))
    WebDriverWait(browser, 60).until(button).click()
    try:
        return WebDriverWait(browser, 10).until(lambda _: done())
    except TimeoutException:
        return False


def _field(browser: Chrome, title: str) -> WebElement:
    """The first field of the form below a title."""
    field = "self::textarea or self::input or self::select"
    below = f"(//*[normalize-space(text())='{title}']/following::*[{field}])[1]"
    return WebDriverWait(browser, _SECONDS).until(it.presence_of_element_located((By.XPATH, below)))
