"""`jsl up` for real: a server, its workers and deployments, called over REST as the UI does, and ended."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile import imported_in
from lab import ENDED, JSL, Lab, wait_until

from deployments.apply import PREFECT_FILE
from jsl_core.config import load_lab

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def test_applying_the_deployments_twice_is_applying_them_once(lab: Lab) -> None:
    def state() -> Any:
        offers = lab.ask("/deployments/filter", {})
        pools = lab.ask("/work_pools/filter", {})
        queues = {pool["name"]: lab.ask(f"/work_pools/{pool['name']}/queues/filter", {}) for pool in pools}
        return (
            {(each["id"], each["name"], each["work_pool_name"], len(each["schedules"])) for each in offers},
            {(each["id"], each["name"], each["concurrency_limit"]) for each in pools},
            {(pool, each["priority"], each["name"]) for pool, them in queues.items() for each in them},
            len(lab.ask("/block_documents/filter", {})),
        )

    once = state()
    subprocess.run(
        [*JSL, "deploy", "--store", str(lab.home / "store"), "--settings", str(lab.home / "lab.toml")],
        cwd=lab.home,  # whose settings files of Prefect name another server
        env=os.environ | {"PREFECT_API_URL": lab.api},
        check=True,
    )
    assert state() == once
    assert {name for _, name, _, _ in once[0]} == {
        each["name"] for each in yaml.safe_load(PREFECT_FILE.read_text())["deployments"]
    }
    assert {(name, limit) for _, name, limit in once[1]} == {("cpu", None), ("gpu", 1)}
    assert {(queue, name) for _, queue, name in once[2]} == {(1, "urgent"), (2, "default")}


def test_nothing_in_the_folder_where_the_lab_was_started_is_imported_or_believed(lab: Lab) -> None:
    run = lab.run("watch")
    wait_until(lambda: lab.state(run)["type"] in ENDED)
    assert lab.state(run)["type"] == "COMPLETED"
    assert imported_in(lab.home) == []


def test_a_lab_that_listens_answers_an_echo(lab: Lab) -> None:
    port = load_lab(lab.home / "lab.toml").listen.port
    echo = ["echoscu", "-aec", "JSL", "127.0.0.1", str(port)]
    wait_until(lambda: subprocess.run(echo, capture_output=True).returncode == 0)


@pytest.mark.parametrize("name", ["prepare", "pipeline", "train"])
@pytest.mark.parametrize("settings", [{"jobs": -1}, {"jbs": 1}, {"crop": {"box": "round"}}])
def test_bad_parameters_are_refused_when_a_run_is_asked_for(
    lab: Lab, name: str, settings: dict[str, Any]
) -> None:
    deployment = next(each for each in lab.ask("/deployments/filter", {}) if each["name"] == name)
    path = f"/deployments/{deployment['id']}/create_flow_run"
    assert lab.ask(path, {"parameters": {"settings": settings}}) in (409, 422)


def test_the_forms_ask_few_things_preset_first_each_with_a_title_and_help(lab: Lab) -> None:
    forms = {
        each["name"]: each["parameter_openapi_schema"]
        for each in lab.ask("/deployments/filter", {})
        if each["name"] in ("pipeline", "train")
    }
    asked = {
        name: [
            field["title"] for field in sorted(form["properties"].values(), key=lambda one: one["position"])
        ]
        for name, form in forms.items()
    }
    assert asked == {
        "pipeline": ["Preset", "Name", "Scans", "Table", "Store", "Outcome", "Advanced"],
        "train": ["Preset", "Dataset", "Store", "Outcome", "Advanced"],
    }
    for form in forms.values():
        assert all(field["description"] for field in form["properties"].values())
        assert set(form["required"]) == set(form["properties"])  # else each is called optional
    advanced = forms["pipeline"]["definitions"]["PipelineSettings"]["properties"]
    assert not {"scans", "cohort", "store", "sources"} & set(advanced)
    assert advanced["max_rejected"]["default"] == 1.0  # what the lab's file says
    plain = {name: field for name, field in advanced.items() if "type" in field}
    assert all(field["title"] and field["description"] for field in plain.values())


def test_of_many_submits_at_once_none_is_refused(lab: Lab) -> None:
    (watch,) = lab.ask("/deployments/filter", {"deployments": {"name": {"any_": ["watch"]}}})
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2100-01-01T00:00:00Z"}}
    body = json.dumps({"parameters": {}, "state": later}).encode()
    address = f"{lab.api}/deployments/{watch['id']}/create_flow_run"

    def submit(_: int) -> int:
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:  # an error is raised, not tried again
            return int(answer.status)

    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(submit, range(24))) == {201}


def test_a_run_whose_table_is_missing_fails_on_its_worker_and_says_so(lab: Lab) -> None:
    deployment = next(each for each in lab.ask("/deployments/filter", {}) if each["name"] == "prepare")
    settings = {"cohort": str(lab.home / "none.csv"), "store": str(lab.home / "store")}
    body = {"parameters": {"settings": settings}, "work_queue_name": "urgent"}
    run = lab.ask(f"/deployments/{deployment['id']}/create_flow_run", body)["id"]
    own = {"flow_runs": {"id": {"any_": [run]}}}
    wait_until(lambda: lab.ask("/flow_runs/filter", own)[0]["state_type"] in ENDED)
    (flow_run,) = lab.ask("/flow_runs/filter", own)
    assert flow_run["state_type"] == "FAILED"
    assert "none.csv" in flow_run["state"]["message"]


def test_a_server_and_a_worker_that_are_killed_are_started_again(lab: Lab) -> None:
    def services() -> dict[str, int]:
        """The processes by the last words of their commands, without the supervisors."""
        commands = {int(each.name): (each / "cmdline").read_bytes().split(b"\0") for each in lab.processes()}
        modules = {b"deployments.server", b"deployments.worker"}
        return {
            b" ".join(words[-6:]).decode(): process
            for process, words in commands.items()
            if modules & set(words) and b"deployments.supervisor" not in words
        }

    def answers() -> bool:
        with suppress(OSError):
            return bool(lab.ask("/work_pools/filter", {}))
        return False

    before = services()
    assert len(before) == 3
    for process in before.values():
        os.kill(process, signal.SIGKILL)
    wait_until(
        lambda: services().keys() == before.keys() and not set(services().values()) & set(before.values())
    )
    wait_until(answers)
    test_a_run_whose_table_is_missing_fails_on_its_worker_and_says_so(lab)


def test_ctrl_c_leaves_no_process_behind(lab: Lab) -> None:
    assert len(lab.processes()) > 6  # itself, and a supervisor and a command for each of server, cpu and gpu
    lab.process.send_signal(signal.SIGINT)
    assert lab.process.wait(timeout=600) == 0
    assert lab.processes() == set()


def test_kill_9_leaves_no_process_behind_not_even_one_with_a_session_of_its_own(tmp_path: Path) -> None:
    stubborn = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); signal.pause()"
    worker = (
        "import subprocess, sys, signal;"
        f"subprocess.Popen([sys.executable, '-c', {stubborn!r}], start_new_session=True); signal.pause()"
    )
    holder = (
        "import subprocess, sys, signal;"
        f"subprocess.Popen([sys.executable, '-m', 'deployments.supervisor', sys.executable,"
        f"'-c', {worker!r}],"
        "stdin=subprocess.PIPE, start_new_session=True); signal.pause()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder], env=os.environ | {"JSL_TEST_LAB": str(tmp_path)}, text=True
    )
    lab = Lab(process, "", tmp_path)
    wait_until(lambda: len(lab.processes()) == 4)  # holder, supervisor, worker, and the worker's own
    process.kill()
    process.wait()
    wait_until(lambda: not lab.processes())


def test_a_port_open_to_others_needs_a_password(tmp_path: Path) -> None:
    done = subprocess.run(
        [*JSL, "up", str(tmp_path), "--host", "0.0.0.0"],
        env={name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "PREFECT_SERVER_API_AUTH_STRING" in done.stderr
