"""A browser fills in the form of `train`, as people do, and the run that it starts comes to its end."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lab import ENDED, Lab, wait_until

from jsl_core.cohort import read_cohort
from jsl_core.config import load_lab
from jsl_core.dataset import pack
from jsl_core.storage import Artifact, open_store, put_tree

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as it
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the lab looks for processes in /proc")


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no chromium with its driver: apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = program
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.add_argument("--window-size=1280,1600")
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


@pytest.fixture
def dataset(lab: Lab, tmp_path: Path) -> Artifact:
    """Crops of noise, packed into the lab's store."""
    rng = np.random.default_rng(0)
    names = [f"{1_000_101 + number // 2}_{number % 2 + 1}" for number in range(48)]
    grades, outcomes = rng.integers(0, 5, len(names)), rng.integers(0, 2, len(names))
    table = pd.DataFrame({"ID": names, "BL_KL_grade": grades, "JSL_Prog": outcomes})
    table.to_csv(tmp_path / "JSL.csv", index=False)
    settings = load_lab(lab.home / "lab.toml").settings
    crops = ((name, rng.integers(0, 256, (64, 64), np.uint8)) for name in names)
    pack(crops, read_cohort(tmp_path / "JSL.csv"), settings.pack, tmp_path / "dataset")
    return put_tree(open_store(settings.store), tmp_path / "dataset", "dataset.json")


def test_the_form_of_train_starts_a_run_that_ends_with_its_artifacts(
    lab: Lab, browser: webdriver.Chrome, dataset: Artifact
) -> None:
    (train,) = lab.ask("/deployments/filter", {"deployments": {"name": {"any_": ["train"]}}})
    before = {run["id"] for run in lab.runs("train")}
    browser.get(f"{lab.api.removesuffix('/api')}/deployments/deployment/{train['id']}/run")
    for title, value in (("Sha256", dataset.sha256), ("Size", dataset.size), ("Name", dataset.name)):
        _field(browser, title).send_keys(str(value))
    text = browser.find_element(By.TAG_NAME, "body").text
    assert "A recipe for all settings" in text  # the presets' dropdown
    assert "Names the run's folder." in text
    wait_until(lambda: _submitted(browser, lambda: len(lab.runs("train")) > len(before)))
    (run,) = [run for run in lab.runs("train") if run["id"] not in before]
    wait_until(lambda: lab.state(run["id"])["type"] in ENDED)
    assert lab.state(run["id"])["type"] == "COMPLETED"
    shown = lab.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    assert {artifact["key"] for artifact in shown} >= {"train-multitask"}

    browser.get(f"{lab.api.removesuffix('/api')}/runs/flow-run/{run['id']}")
    WebDriverWait(browser, 120).until(it.text_to_be_present_in_element((By.TAG_NAME, "body"), "Completed"))


def _submitted(browser: webdriver.Chrome, done: Callable[[], bool]) -> bool:
    """Press the button; a page that is still checking the fields takes no notice, and is pressed again."""
    button = it.element_to_be_clickable((By.XPATH, "//button[normalize-space()='Submit']"))
    WebDriverWait(browser, 60).until(button).click()
    try:
        return WebDriverWait(browser, 10).until(lambda _: done())
    except TimeoutException:
        return False


def _field(browser: webdriver.Chrome, title: str) -> "webdriver.remote.webelement.WebElement":
    """The first field of the form with that title."""
    below = f"(//*[normalize-space(text())='{title}']/following::*[self::textarea or self::input])[1]"
    return WebDriverWait(browser, 120).until(it.presence_of_element_located((By.XPATH, below)))
