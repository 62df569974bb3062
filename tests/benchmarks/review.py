"""The page of jsl review with 10,000 knees: its first page, and how evenly it scrolls.

Films are drawn by a formula, so that neither their number nor their pictures need a cohort. A headless
Chromium opens the page, waits for the first pictures, and then measures each frame: while it scrolls on at a
reader's pace, from the first knee to the last one, and jumping about, as who drags the scroll bar does.
"""

import argparse
import json
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1] / "deployments"))

from desk_store import write_run
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from deployments.review.access import Access
from deployments.review.app import build_app
from deployments.review.desk import Desk
from jsl_core.system.machine import describe_machine

READING = 1_200  # pixels a second at which one can still look at pictures: six rows
PARTS = {"read": "reading on", "all": "through all knees", "jumped": "jumping three times a second"}
FIRST = """
const done = arguments[0];
const look = () => {
  const images = [...document.querySelectorAll(".cell img")].filter((image) => !image.hidden);
  const whole = images.length > 20 && images.every((image) => image.complete && image.naturalWidth);
  whole ? done(performance.now()) : requestAnimationFrame(look);
};
look();
"""
SCROLL = """
const [seconds, jumps, pixels, done] = arguments, sheet = document.getElementById("sheet"), frames = [];
const last = Math.min(pixels * seconds, sheet.scrollHeight - sheet.clientHeight), start = performance.now();
let before = start;
const step = (now) => {
  frames.push(now - before);
  before = now;
  const share = (now - start) / 1000 / seconds;
  if (share >= 1) return done(frames.slice(2));
  sheet.scrollTop = last * (jumps ? (Math.floor(share * jumps) * 0.618034) % 1 : share);
  requestAnimationFrame(step);
};
requestAnimationFrame(step);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--knees", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each way to scroll")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = write_run(Path(folder), options.knees * 7 // 12 + 1)
        began = time.perf_counter()
        desk = Desk(store, "latest")
        desk.make_thumbnails()
        figures: dict[str, object] = {"knees": len(desk.entries), "read_s": time.perf_counter() - began}
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            app = build_app(desk, Access(""), "bench")
            server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            rounds = [measure(f"http://127.0.0.1:{port}/", options.seconds) for _ in range(options.rounds)]
            server.should_exit = True
            thread.join(10)
    figures |= {"rounds": rounds, "machine": describe_machine()}
    for number, each in enumerate(rounds, start=1):
        print(f"round {number}: first page {each['first_page_s']:.2f} s; frames under 50 ms:")
        for name, text in PARTS.items():
            print(f"  {text}: {each[f'{name}_share']:.1%} of {each[f'{name}_frames']}")
    print(f"{figures['knees']} entries, read in {figures['read_s']:.2f} s; {figures['machine']}")
    if options.out:
        options.out.with_suffix(".json").write_text(json.dumps(figures, indent=1))


def measure(address: str, seconds: float) -> dict[str, float]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        sys.exit("no chromium with its driver: apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = program
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "window-size=1400,900",
    ):
        options.add_argument(f"--{argument}")
    browser = Chrome(options=options, service=Service(driver))
    try:
        browser.set_script_timeout(4 * seconds + 120)
        browser.get(address)
        first = browser.execute_async_script(FIRST)
        time.sleep(2)
        parts = {
            "read": browser.execute_async_script(SCROLL, seconds, 0, READING),
            "all": browser.execute_async_script(SCROLL, seconds, 0, 1e9),
            "jumped": browser.execute_async_script(SCROLL, seconds, int(3 * seconds), 1e9),
        }
    finally:
        browser.quit()
    figures = {"first_page_s": first / 1000}
    for name, frames in parts.items():
        figures |= {
            f"{name}_frames": len(frames),
            f"{name}_share": sum(ms < 50 for ms in frames) / len(frames),
        }
    return figures


if __name__ == "__main__":
    main()
