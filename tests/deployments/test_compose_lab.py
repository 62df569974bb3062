"""The lab of docker/compose.yaml at work: its services' own commands, a film from a scanner to the archive.

No engine of containers is asked for: `containers.py` starts each command with what the file gives it.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from containers import ComposeLab, private_network, wait_for

from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom

DOCKER = Path(__file__).parents[2] / "docker"
PROGRAMS = ("unshare", "nsenter", "setpriv", "tini", "storescu", "Orthanc", "pg_isready")
PASSWORD = "p@s:s%w$o r/d'#"  # each of these means something to a URL, a shell, YAML or Compose
ENDED = ("COMPLETED", "FAILED", "CRASHED")


def has_namespaces() -> bool:
    """Whether this machine lets its root make what containers are made of; within a container it may not."""
    mounts = (
        'cd "$0"; mount -t tmpfs none .; cd "$0"; mkdir upper work all; '
        "mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work all"
    )
    with tempfile.TemporaryDirectory() as folder:
        words = ["unshare", "--mount", "--pid", "--net", "--fork", "sh", "-euc", mounts, folder]
        return subprocess.run(words, capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or os.getuid() != 0, reason="namespaces of Linux are made by root"
    ),
    pytest.mark.skipif(
        not all(map(shutil.which, PROGRAMS)), reason=f"{', '.join(PROGRAMS)}: .ci/run installs them"
    ),
    pytest.mark.skipif(
        bool(shutil.which("unshare")) and not has_namespaces(), reason="no namespaces or mounts here"
    ),
]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, PhantomSettings(patients=1, seed=3, long_side=(700, 800)), 1)
    (film,) = (folder / "scans").glob("*.dcm")
    return film


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, film: Path) -> Iterator[ComposeLab]:
    """The services with the profiles no-gpu, pacs and s3, each healthy; `deploy` has ended."""
    home = tmp_path_factory.mktemp("compose")
    for name in ("lab", "scans"):
        (home / name).mkdir()
    os.chown(home / "scans", 10001, 10001)  # as docs/operations.md says
    shutil.copy(film.parents[1] / "JSL.csv", home / "lab")
    settings = (DOCKER / "lab.toml").read_text().replace("# send_to", "send_to")
    (home / "lab" / "lab.toml").write_text(settings.replace("settle_seconds = 5", "settle_seconds = 0.2"))
    values = {
        "JSL_LAB": str(home / "lab"),
        "JSL_SCANS": str(home / "scans"),
        "JSL_USER": "ann",
        "JSL_PASSWORD": PASSWORD,
        "POSTGRES_PASSWORD": PASSWORD,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "a-secret-key",
        "AWS_ENDPOINT_URL_S3": "http://s3:7070",
    }
    lab = ComposeLab(DOCKER / "compose.yaml", values, home / "docker")
    with private_network():
        try:
            for name in ("s3", "postgres", "server"):
                wait_for(lab.start(name).is_healthy)
            assert lab.start("deploy").process.wait() == 0, lab.running["deploy"].log.read_text()
            del lab.running["deploy"]
            for name in ("cpu", "no-gpu", "review", "listen", "orthanc"):
                lab.start(name)
            for container in lab.running.values():
                wait_for(container.is_healthy)
            yield lab
        finally:
            lab.kill()
            wait_for(lambda: not left_over(home), 60)


def left_over(home: Path) -> list[str]:
    """Processes of services that have outlived them: their volumes lie in that folder."""
    mounts = ((file.parent.name, file) for file in Path("/proc").glob("[0-9]*/mountinfo"))
    return [process for process, file in mounts if str(home) in _text(file)]


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it has just ended
        return ""


def ask(port: int, path: str, body: Any = None, password: str = PASSWORD) -> Any:
    """The answer of a service; the HTTP status where it is refused."""
    words = base64.b64encode(f"ann:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {words}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
            is_json = "json" in answer.headers["Content-Type"]
            return json.loads(content) if is_json and answer.headers["Content-Encoding"] is None else content
    except urllib.error.HTTPError as error:
        return error.code


def run(deployment: str, parameters: dict[str, Any] | None = None) -> Any:
    """A run of a deployment that its worker has ended."""
    own = {"deployments": {"name": {"any_": [deployment]}}}
    (chosen,) = ask(4200, "/api/deployments/filter", own)
    path = f"/api/deployments/{chosen['id']}/create_flow_run"
    started = ask(4200, path, {"parameters": parameters or {}})
    wait_for(lambda: ask(4200, f"/api/flow_runs/{started['id']}")["state_type"] in ENDED)
    return ask(4200, f"/api/flow_runs/{started['id']}")


def runs(deployment: str) -> list[Any]:
    """The runs of a deployment that have begun."""
    own = {
        "deployments": {"name": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"not_any_": ["SCHEDULED", "PENDING"]}}},
    }
    return list(ask(4200, "/api/flow_runs/filter", own))


def test_every_service_runs_here_but_the_one_that_needs_a_gpu(lab: ComposeLab) -> None:
    assert set(lab.services) - set(lab.running) == {"deploy", "gpu"}
    of_gpu, of_processor = lab.services["gpu"], lab.services["no-gpu"]
    assert {key: of_gpu[key] for key in of_gpu.keys() - {"build", "image", "profiles", "deploy"}} == {
        key: of_processor[key] for key in of_processor.keys() - {"build", "image", "profiles"}
    }


def test_server_review_page_and_archive_have_one_password(lab: ComposeLab) -> None:
    for port, path in (
        (4200, "/api/admin/version"),
        (4200, "/results/runs/none/report.html"),
        (8765, "/"),
        (8042, "/system"),
    ):
        assert ask(port, path, password="another") == 401
        assert ask(port, path) != 401


def test_the_lab_s_file_switches_both_schedules_on(lab: ComposeLab) -> None:
    deployments = {each["name"]: each for each in ask(4200, "/api/deployments/filter", {})}
    schedules = {
        name: [schedule["active"] for schedule in each["schedules"]] for name, each in deployments.items()
    }
    assert (schedules["watch"], schedules["retrain"]) == ([True], [True])
    assert deployments["watch"]["parameters"]["settings"]["scans"] == "/scans"
    assert deployments["watch"]["parameters"]["settings"]["cohort"] == "/lab/JSL.csv"


def test_a_worker_serves_pool_gpu_on_the_processor(lab: ComposeLab) -> None:
    ended = run("train", {"dataset": "latest"})
    assert ended["work_pool_name"] == "gpu"
    assert ended["state_type"] == "FAILED"
    assert "dataset" in ended["state"]["message"]


def test_a_service_writes_only_where_it_should_and_as_nobody_special(lab: ComposeLab) -> None:
    worker, server, listener = (lab.running[name] for name in ("cpu", "server", "listen"))
    assert worker.execute("id", "-u").stdout == "10001\n"
    for folder in ("/scans", "/lab"):
        assert "Read-only" in worker.execute("touch", f"{folder}/x").stderr
    assert "Read-only" in server.execute("touch", "/store/x").stderr
    for container, file in ((worker, "/store/x"), (worker, "/home/jsl/.cache/x"), (listener, "/scans/x")):
        assert container.execute("sh", "-c", f"touch {file} && rm {file}").returncode == 0
    refused = listener.execute("jsl", "listen", "/lab", "--port", "11113")
    assert refused.stderr == "jsl: /lab: user 10001 may not write there; change its permissions\n"


def test_a_film_that_a_scanner_sends_is_graded_shown_and_sent_to_the_archive(
    lab: ComposeLab, film: Path
) -> None:
    send = ["storescu", "-aet", "SCANNER", "-aec", "JSL", "127.0.0.1", "11112", str(film)]
    subprocess.run(send, check=True)
    assert run("watch")["state_type"] == "COMPLETED"
    wait_for(lambda: [each["state_type"] for each in runs("intake")] == ["COMPLETED"])
    modalities = {
        ask(8042, f"/series/{series}")["MainDicomTags"]["Modality"] for series in ask(8042, "/series")
    }
    assert modalities == {"SR", "OT"}
    assert b"<html" in ask(8765, "/")
    assert not isinstance(ask(8765, "/api/sheet"), int)


def test_a_bucket_keeps_results_as_the_volume_does(lab: ComposeLab) -> None:
    words = "from jsl_core.storage import open_store as o; print(o('s3://jsl/store').put(b'x', 'x').size)"
    done = lab.running["cpu"].execute("python", "-c", words)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_stopped_services_end_at_once_and_the_server_goes_on_from_its_volume(lab: ComposeLab) -> None:
    def deployments() -> set[str]:
        return {each["id"] for each in ask(4200, "/api/deployments/filter", {})}

    before = deployments()
    codes = lab.stop()
    assert set(codes.values()) <= {0, 143}  # 128 + SIGTERM
    for name in ("postgres", "server"):
        wait_for(lab.start(name).is_healthy)
    assert deployments() == before
