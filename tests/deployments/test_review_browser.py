"""Browsers look at a run as people do: find a wrong box, drag it right, grade, get into each other's way."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from desk_store import write_run, write_run_without_films

from deployments.review.access import Access
from deployments.review.app import build_app
from deployments.review.desk import Desk
from flows.prepare import PreparedDataset, prepare
from jsl_core.config import PhantomSettings, PipelineSettings, load_pipeline
from jsl_core.imaging import decode_png
from jsl_core.phantom import write_phantom
from jsl_core.review.acts import Subject
from jsl_core.review.corrections import load_corrections
from jsl_core.review.journal import Journal
from jsl_core.scans.rows import read_rows
from jsl_core.storage import Artifact, Store, open_store
from tasks.caching import results_block

pytest.importorskip("selenium", reason="selenium is not installed")

from chromium import start_chromium
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 90
AXE = os.environ.get("AXE_CORE", "")


@pytest.fixture(scope="module")
def start_browser() -> Iterator[Callable[[], Chrome]]:
    with ExitStack() as stack:

        def start() -> Chrome:
            browser = start_chromium(1400, 900)
            stack.callback(browser.quit)
            return browser

        yield start


@pytest.fixture(scope="module")
def browser(start_browser: Callable[[], Chrome]) -> Chrome:
    return start_browser()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return write_run(tmp_path_factory.mktemp("store"), films=40)


@contextmanager
def serving(store: Store, reader: str = "") -> Iterator[str]:
    """The address of a page that is open while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        app = build_app(Desk(store, "latest", reader), Access(""), "Ann")
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}/"
        server.should_exit = True
        thread.join(10)


def is_still(element: WebElement) -> bool:
    """Whether an element stays where it is while the page is laid out."""
    place = element.rect
    time.sleep(0.3)
    return bool(element.rect == place)


def wait(browser: Chrome, condition: Callable[[], Any]) -> Any:
    return WebDriverWait(browser, SECONDS, poll_frequency=0.1).until(lambda _: condition())


def visit(browser: Chrome, address: str) -> None:
    browser.get(address)
    wait(browser, lambda: browser.find_element(By.TAG_NAME, "body").get_attribute("data-ready"))


def press(browser: Chrome, *keys: str) -> None:
    for key in keys:
        ActionChains(browser).send_keys(key).perform()


def text(browser: Chrome, element: str) -> str:
    return browser.find_element(By.ID, element).text


def count(browser: Chrome, selector: str) -> int:
    return len(browser.find_elements(By.CSS_SELECTOR, selector))


def choose_filter(browser: Chrome, title: str) -> None:
    button = f"//nav//button[starts-with(normalize-space(), '{title}')]"
    browser.find_element(By.XPATH, button).click()


def acts(store: Store) -> list[tuple[str, str]]:
    return [(act.subject.what, act.value) for act in Journal(store).acts()]


def prepared(settings: PipelineSettings) -> PreparedDataset:
    run: PreparedDataset = prepare.with_options(result_storage=results_block(settings.store))(settings)
    return run


@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_a_wrong_box_is_found_dragged_right_and_the_next_run_changes_that_knee_alone(
    browser: Chrome, tmp_path: Path
) -> None:
    write_phantom(tmp_path, PhantomSettings(patients=4, seed=3, long_side=(500, 500)), jobs=1)
    places = {"scans": str(tmp_path / "scans"), "cohort": str(tmp_path / "JSL.csv")}
    options = places | {
        "store": str(tmp_path / "store"), "jobs": 1, "corrections": "store", "max_rejected": 1.0,
        "measure": {"widths": False}, "pack": {"size": 64}, "training": {"factors": "none"},
    }  # fmt: skip
    settings = load_pipeline(preset="demo", options=options)
    store = open_store(settings.store)
    film = next(row for row in read_rows(store, prepared(settings).converted) if "png" in row)
    subject = Subject(
        film=film["file"], pixels=film["pixels"][:16], side=1, knee=f"{film['participant']}_1", what="box"
    )
    Journal(store).append(subject, "0 0 120 120", "Ben", upon="")  # somebody slipped: that is thigh
    first = {row["ID"]: row for row in read_rows(store, [joints_of(prepared(settings))])}

    with serving(store) as address:
        visit(browser, address)
        choose_filter(browser, "Corrected")
        wait(browser, lambda: text(browser, "count").startswith("1 of"))
        press(browser, Keys.ENTER)
        box = wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, ".box.own.drawn"))
        wait(browser, lambda: is_still(box))
        ActionChains(browser).drag_and_drop_by_offset(box, 60, 180).perform()
        wait(browser, lambda: "takes this over" in text(browser, "state") and len(Journal(store).acts()) == 2)
        assert "Ben" in text(browser, "history")
        assert "Ann" in text(browser, "history")
    after = {row["ID"]: row for row in read_rows(store, [joints_of(prepared(settings))])}
    assert [knee for knee in first if first[knee] != after[knee]] == [subject.knee]
    x1, y1, x2, y2 = load_corrections("store", store).films[film["file"]]["box"]["1"]
    assert y1 > 100  # where it was dragged to
    crop = decode_png(store.get(Artifact.model_validate(after[subject.knee]["png"])))
    picture = decode_png(store.get(Artifact.model_validate(film["png"])))
    where = np.s_[int(np.floor(y1)) : int(np.ceil(y2)), int(np.floor(x1)) : int(np.ceil(x2))]
    assert np.array_equal(crop, picture[where])


def joints_of(run: PreparedDataset) -> Artifact:
    assert run.gathered
    return run.gathered.joints


def test_the_keyboard_alone_finds_moves_excludes_notes_and_takes_back(browser: Chrome, store: Store) -> None:
    with serving(store) as address:
        visit(browser, address)
        assert text(browser, "count") == "75 knees"
        choose_filter(browser, "Ambiguous joint")
        wait(browser, lambda: text(browser, "count") == "14 of 75")
        press(browser, Keys.ARROW_RIGHT, Keys.ENTER)
        wait(browser, lambda: count(browser, ".box.own"))
        press(browser, "b", Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        wait(browser, lambda: [what for what, _ in acts(store)] == ["box"])
        wait(browser, lambda: count(browser, ".box.own.drawn"))
        press(browser, "x")
        wait(browser, lambda: browser.find_element(By.ID, "ask").get_attribute("open"))
        press(browser, "brace", Keys.ENTER)
        wait(browser, lambda: ("exclude", "brace") in acts(store))
        wait(browser, lambda: "exclude: brace" in text(browser, "history"))
        press(browser, "4")
        wait(browser, lambda: ("grade", "4") in acts(store))
        wait(browser, lambda: "4 (was" in text(browser, "facts"))
        for number in (4, 5, 6):
            press(browser, "z")
            wait(browser, lambda number=number: len(acts(store)) == number)
        assert acts(store)[3:] == [("grade", ""), ("exclude", ""), ("box", "")]
        assert load_corrections("store", store).films == {}
        press(browser, Keys.ESCAPE)
        wait(browser, lambda: browser.find_element(By.ID, "sheet").is_displayed())


def test_a_knee_is_corrected_again_and_again_without_films_and_after_its_side_was_swapped(
    browser: Chrome, tmp_path: Path
) -> None:
    crops = write_run_without_films(tmp_path / "crops", knees=2)
    with serving(crops) as address:
        visit(browser, address)
        press(browser, Keys.ENTER, "3")
        wait(browser, lambda: acts(crops) == [("grade", "3")])
        wait(browser, lambda: "3 (was" in text(browser, "facts"))
        press(browser, "2")
        wait(browser, lambda: acts(crops) == [("grade", "3"), ("grade", "2")])
    single = write_run(tmp_path / "single", films=1, sides=(1,))
    with serving(single) as address:
        visit(browser, address)
        press(browser, Keys.ENTER)
        wait(browser, lambda: "right" in text(browser, "name") and count(browser, ".box.own"))
        press(browser, "s")
        wait(browser, lambda: "left" in text(browser, "name") and count(browser, ".box.own"))
        for number in (2, 3):
            press(browser, "b", Keys.ARROW_DOWN)
            wait(browser, lambda number=number: len(acts(single)) == number)
            wait(browser, lambda: count(browser, ".box.own.drawn"))
        assert {act.subject.side for act in Journal(single).acts() if act.subject.what == "box"} == {2}


def test_two_browsers_at_once_see_each_others_acts_and_the_second_is_told(
    start_browser: Callable[[], Chrome], browser: Chrome, store: Store
) -> None:
    other = start_browser()
    with serving(store) as address:
        for each, name in ((browser, "Ann"), (other, "Ben")):
            visit(each, address)
            each.execute_script(
                "const who = document.getElementById('who'); who.value = arguments[0]; who.onchange();", name
            )
            each.execute_script("document.getElementById('sheet').focus()")
            press(each, Keys.ENTER)
            wait(each, lambda each=each: count(each, ".box.own"))
        # Ann's page no longer looks at what others do, as one that is asleep.
        browser.execute_script("for (let timer = 0; timer < 10000; timer++) clearInterval(timer)")
        press(other, "3")
        wait(other, lambda: "Ben" in text(other, "history"))
        press(browser, "1")
        wait(browser, lambda: "changed meanwhile by Ben" in text(browser, "toasts"))
        wait(browser, lambda: "3 (was" in text(browser, "facts"))  # what holds is shown now
        press(browser, "1")  # having seen it
        wait(browser, lambda: "1 (was" in text(browser, "facts"))
        wait(other, lambda: "1 (was" in text(other, "facts"))  # without doing anything
    graded = [act for act in Journal(store).acts() if act.subject.what == "grade" and act.value in "13"]
    assert [(act.who, act.value) for act in graded if act.value] == [("Ben", "3"), ("Ann", "1")]


def test_a_grader_sees_joints_alone_and_goes_on_where_they_stopped(browser: Chrome, store: Store) -> None:
    with serving(store, "Cem") as address:
        visit(browser, address)
        assert text(browser, "grading-count") == "Cem: 0 of 70 graded"
        assert not browser.find_element(By.ID, "sheet-view").is_displayed()
        for number, key in enumerate("203", start=1):
            press(browser, key)
            wait(browser, lambda number=number: f"Cem: {number} of 70" in text(browser, "grading-count"))
        press(browser, "z")
        wait(browser, lambda: "Cem: 2 of 70" in text(browser, "grading-count"))
        visit(browser, address)
        assert text(browser, "grading-count") == "Cem: 2 of 70 graded"
    readings = [act for act in Journal(store).acts() if act.subject.what == "reading"]
    assert [act.value for act in readings] == ["2", "0", "3", ""]


def test_a_finger_moves_a_box_too(browser: Chrome, store: Store) -> None:
    before = len(acts(store))
    with serving(store) as address:
        visit(browser, address)
        press(browser, Keys.ARROW_RIGHT, Keys.ENTER)
        box = wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, ".box.own"))
        place = box.rect
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        for kind, points in (("touchStart", (x, y)), ("touchMove", (x + 30, y + 20)), ("touchEnd", None)):
            touches = [{"x": points[0], "y": points[1]}] if points else []
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        wait(browser, lambda: len(acts(store)) == before + 1)
        press(browser, "z")
        wait(browser, lambda: len(acts(store)) == before + 2)


def test_margins_are_drawn_line_by_line(browser: Chrome, store: Store) -> None:
    before = len(acts(store))
    with serving(store) as address:
        visit(browser, address)
        press(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ENTER)
        wait(browser, lambda: count(browser, "#joints svg image"))
        press(browser, "m")
        wait(browser, lambda: count(browser, "#lines button") == 6)
        joint = wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, "#joints svg"))
        for number, (x, y) in enumerate(((-100, 0), (-100, 20), (40, 0), (40, 20))):
            browser.find_elements(By.CSS_SELECTOR, "#lines button")[number].click()
            pen = ActionChains(browser, duration=30).move_to_element_with_offset(joint, x, y).click_and_hold()
            for _ in range(5):
                pen.move_by_offset(12, 0)
            pen.release().perform()
        browser.find_element(By.XPATH, "//button[.='Save margins']").click()
        wait(browser, lambda: len(acts(store)) == before + 1)
    act = Journal(store).acts()[-1]
    ((_, margins),) = load_corrections("store", store).films[act.subject.film]["margins"].items()
    lines = [margins[part][bone] for part in ("medial", "lateral") for bone in ("femoral", "tibial")]
    assert all(len(line) >= 3 and line == sorted(line) for line in lines)
    assert max(y for _, y in lines[0]) < min(y for _, y in lines[1])


@pytest.mark.skipif(
    not AXE, reason="no axe-core: npm install axe-core; AXE_CORE=node_modules/axe-core/axe.min.js"
)
def test_axe_finds_nothing_serious_on_sheet_knee_and_grading(browser: Chrome, store: Store) -> None:
    script = Path(AXE).read_text()
    with serving(store) as address, serving(store, "Dora") as grading:
        visit(browser, address)
        findings = serious(browser, script)
        press(browser, Keys.ENTER)
        wait(browser, lambda: count(browser, ".box.own"))
        findings += serious(browser, script)
        press(browser, "x")
        wait(browser, lambda: browser.find_element(By.ID, "ask").get_attribute("open"))
        findings += serious(browser, script)
        visit(browser, grading)
        findings += serious(browser, script)
    assert not findings


def serious(browser: Chrome, script: str) -> list[str]:
    # Not by a <script> of the page, which its policy would refuse.
    browser.execute_script(script)
    found = browser.execute_async_script("axe.run().then((found) => arguments[0](found.violations))")
    return [
        f"{each['id']} ({each['impact']}): {[node['html'][:120] for node in each['nodes']][:3]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def test_a_film_on_which_no_joint_was_found_gets_its_knees_by_drawing(browser: Chrome, store: Store) -> None:
    before = len(acts(store))
    with serving(store) as address:
        visit(browser, address)
        choose_filter(browser, "no joint")
        wait(browser, lambda: text(browser, "count") == "5 of 75")
        changed = count(browser, ".cell.changed")  # by tests before this one
        press(browser, Keys.ENTER)
        film = wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, "#film image"))
        press(browser, "r")
        pen = ActionChains(browser).move_to_element_with_offset(film, -150, -60).click_and_hold()
        pen.move_by_offset(90, 90).release().perform()
        wait(browser, lambda: len(acts(store)) == before + 1)
        press(browser, Keys.ESCAPE)
        wait(browser, lambda: count(browser, ".cell.changed") == changed + 1)
    act = Journal(store).acts()[-1]
    assert (act.subject.what, act.subject.side, act.subject.knee[-2:]) == ("box", 1, "_1")
