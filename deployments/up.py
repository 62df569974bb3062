"""`jsl up`: a Prefect server with its UI and two workers on this machine, until Ctrl-C."""

import os
import signal
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

from deployments.apply import deploy
from deployments.listening import browser_host, check_port_is_free
from deployments.password import AUTH, lab_password
from deployments.pools import POOLS
from deployments.services import Service
from flows.server.prefect_patches import TASK_RUN_RECORDER
from flows.server.template_database import TemplateDatabase
from jsl_core.config import load_lab
from jsl_core.errors import JslError
from jsl_core.storage import open_store
from jsl_core.storage.run_links import STORE

__all__ = ["up"]

_START_SECONDS = 120
_RECOVERY_SECONDS = 30
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def up(
    home: Path = Path("jsl-home"),
    *,
    settings: Path | None = None,
    store: str = "",
    host: str = "127.0.0.1",
    port: int = 4200,
    listen: bool = False,
) -> None:
    """Start a Prefect server with its UI, a cpu and a gpu worker, and the deployments; Ctrl-C ends all.

    The database is SQLite below the home, or what PREFECT_SERVER_DATABASE_CONNECTION_URL names. Beyond this
    machine PREFECT_SERVER_API_AUTH_STRING must hold a `user:password` that the UI will ask for.

    Args:
        home: Folder of the server's database and of the logs.
        settings: The lab's settings in TOML, as `jsl run` takes them: what the forms start from. With scans
            and a cohort table in it new scans are watched for, and models retrained every week.
        store: Where runs keep their results; what the settings say, or a folder `store` in the home.
        host: The address to listen at.
        port: The port to listen at.
        listen: Also receive films by C-STORE into the folder of scans; the settings' table listen says how.
    """
    receiver = _receiver(settings) if listen else ()
    home = home.absolute()
    address = f"http://{browser_host(host)}:{port}"
    # Prefect reads its environment when it is imported: later, here and in the services.
    os.environ |= _environment(home, address, host)
    os.environ[STORE] = _store_url(settings, store, home)
    check_port_is_free(host, port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logs = home / "logs"
    print(f"Starting server, deployments and workers; logs: {logs}", flush=True)
    try:
        with ExitStack() as stack:  # ends the services last to first, so that runs can still tell the server
            database = TemplateDatabase(home / "prefect" / "prefect.db")
            database.copy_template()
            command = ("deployments.server", "server", "start", "--host", host, "--port", str(port))
            server = stack.enter_context(Service("server", command, logs / "server.log"))
            _wait_for_server(f"{address}/api/health", server)
            database.save_template()
            deploy(settings=settings, store=os.environ[STORE])
            workers = [stack.enter_context(_worker(pool.name, logs)) for pool in POOLS]
            services = [server, *workers]
            if receiver:
                services.append(stack.enter_context(Service("listener", receiver, logs / "listen.log")))
            _wait_for_workers(services)
            print(f"{_describe_gpu()}\nUI: {address}   Ctrl-C ends all.", flush=True)
            _keep_running(services)
    except KeyboardInterrupt:
        print("jsl up: all ended", flush=True)


def _receiver(settings: Path | None) -> tuple[str, ...]:
    """The command that receives films for a lab; raises JslError where nobody says where they land."""
    if settings is None or not load_lab(settings.absolute()).settings.scans:
        raise JslError("--listen: the settings name no scans; say there where films land")
    return ("flows.cli", "listen", "--settings", str(settings.absolute()))


def _store_url(settings: Path | None, store: str, home: Path) -> str:
    """The store of the lab: what was said here, or in its file, or a folder in its home."""
    named = store or (load_lab(settings.absolute()).settings.store if settings else str(home / "store"))
    return open_store(named).url


def _environment(home: Path, address: str, host: str) -> dict[str, str]:
    """The variables of the server, the workers and their runs; raises JslError without a password."""
    auth = lab_password()
    if host not in _LOCAL_HOSTS and ":" not in auth:
        raise JslError(f"--host {host} is open to others; set {AUTH}=user:password")
    return {
        "DO_NOT_TRACK": "1",
        "PYTHONSAFEPATH": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_UI_API_URL": f"{address}/api",  # the UI would call port 4200 else
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        **TASK_RUN_RECORDER,
        **({"PREFECT_API_AUTH_STRING": auth} if auth else {}),
    }


def _worker(pool: str, logs: Path) -> Service:
    command = ("deployments.worker", "worker", "start", "--pool", pool, "--type", "process")
    return Service(f"{pool} worker", command, logs / f"{pool}.log")


def _wait_for_server(url: str, server: Service) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.has_ended() and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise JslError(f"the server did not start; see {server.log}")


def _wait_for_workers(services: list[Service]) -> None:
    """Wait until every pool has a worker that has registered with the server."""
    from prefect.client.orchestration import get_client

    deadline = time.monotonic() + _START_SECONDS
    with get_client(sync_client=True) as client:
        for pool in POOLS:
            while (status := client.read_work_pool(pool.name).status) is None or status.value != "READY":
                for service in services:
                    if service.has_ended():
                        raise JslError(f"the {service.name} has ended; see {service.log}")
                if time.monotonic() > deadline:
                    raise JslError(f"no {pool.name} worker has started; see {services[0].log.parent}")
                time.sleep(0.5)


def _keep_running(services: list[Service]) -> None:
    """Restart services that end, and reschedule runs that died."""
    from httpx import HTTPError
    from prefect.client.orchestration import get_client

    from flows.orchestration.crash_recovery import reschedule_dead_runs

    while True:
        for _ in range(_RECOVERY_SECONDS):
            for service in services:
                service.restart_if_dead()
            time.sleep(1)
        with suppress(HTTPError), get_client(sync_client=True) as client:  # the server may be starting again
            for name in reschedule_dead_runs(client):
                print(f"jsl up: run {name} had died unnoticed; it goes on", flush=True)


def _describe_gpu() -> str:
    import torch

    if torch.cuda.is_available():
        return f"The gpu worker has {torch.cuda.get_device_name()}."
    return "There is no GPU here: the gpu worker trains on the processor."
