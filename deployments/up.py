"""`jsl up`: a Prefect server with its UI and two workers on this machine, until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deployments.apply import POOLS, deploy
from flows.blank import BlankDatabase
from jsl_core.errors import JslError

__all__ = ["up"]

_START_SECONDS = 120
_SOON_SECONDS = 15  # a worker that ends sooner has a fault of its own
_LOCAL = ("127.0.0.1", "localhost", "::1")

_Service = subprocess.Popen[bytes]


def up(
    home: Path = Path("jsl-home"),
    *,
    settings: Path | None = None,
    store: str = "",
    host: str = "127.0.0.1",
    port: int = 4200,
) -> None:
    """Start a Prefect server with its UI, a cpu and a gpu worker, and the deployments; Ctrl-C ends all.

    The database is SQLite below the home, or what PREFECT_SERVER_DATABASE_CONNECTION_URL names. Beyond this
    machine PREFECT_SERVER_API_AUTH_STRING must hold a `user:password` that the UI will ask for.

    Parameters
    ----------
    home
        Folder of the server's database and of the logs.
    settings
        The lab's settings in TOML, as `jsl run` takes them: what the forms start from. With scans and a
        cohort table in it new scans are watched for, and models retrained every week.
    store
        Where runs keep their results; what the settings say, or a folder `store` in the home.
    host
        The address to listen at.
    port
        The port to listen at.
    """
    home = home.absolute()
    address = f"http://{_reachable(host)}:{port}"
    # Prefect reads its environment when it is imported, which only comes later, here and in the services.
    os.environ |= _environment(home, address, host)
    _refuse_taken(host, port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    services: dict[str, _Service] = {}
    try:
        with ExitStack() as stack:  # ends the services last to first, so that runs can still tell the server

            def start(name: str, *command: str) -> None:
                services[name] = stack.enter_context(_service(command, home / "logs" / f"{name}.log"))

            def work(pool: str) -> None:
                start(pool, "worker", "start", "--pool", pool, "--type", "process")

            blank = BlankDatabase(home / "prefect" / "prefect.db")
            blank.begin()
            start("server", "server", "start", "--host", host, "--port", str(port))
            _await_server(f"{address}/api/health", services["server"], home)
            blank.keep()
            deploy(settings=settings, store=store or ("" if settings else str(home / "store")))
            for pool in POOLS:
                work(pool.name)
            _await_workers(services, home)
            print(f"{_gpu()}\nUI: {address}   Logs: {home / 'logs'}   Ctrl-C ends all.", flush=True)
            _watch(services, work, home)
    except KeyboardInterrupt:
        print("jsl up: all ended", flush=True)


def _environment(home: Path, address: str, host: str) -> dict[str, str]:
    """What the server, the workers and their runs find. Raises JslError for an open door."""
    auth = os.environ.get("PREFECT_SERVER_API_AUTH_STRING", "")
    if host not in _LOCAL and ":" not in auth:
        raise JslError(f"--host {host} is open to others: set PREFECT_SERVER_API_AUTH_STRING=user:password")
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_UI_API_URL": f"{address}/api",  # the UI would call port 4200 else
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        **({"PREFECT_API_AUTH_STRING": auth} if auth else {}),
    }


def _reachable(host: str) -> str:
    """The name under which a browser finds what listens at an address."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _refuse_taken(host: str, port: int) -> None:
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise JslError(f"cannot listen at {host}:{port} ({error.strerror}); choose another --port") from None


@contextmanager
def _service(command: tuple[str, ...], log: Path) -> Iterator[_Service]:
    """A `prefect` command on a leash: it ends with the block, and with this process, however that ends."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        service = subprocess.Popen(
            [sys.executable, "-m", "deployments.leash", sys.executable, "-m", "prefect", *command],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for us; we end the services in their order
        )
    try:
        yield service
    finally:
        service.communicate()


def _await_server(url: str, server: _Service, home: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise JslError(f"the server did not start; see {home / 'logs' / 'server.log'}")


def _await_workers(services: dict[str, _Service], home: Path) -> None:
    """Wait until every pool has a worker that the server has heard of."""
    from prefect.client.orchestration import get_client

    deadline = time.monotonic() + _START_SECONDS
    with get_client(sync_client=True) as client:
        for pool in POOLS:
            while (status := client.read_work_pool(pool.name).status) is None or status.value != "READY":
                _refuse_ended(services, home)
                if time.monotonic() > deadline:
                    raise JslError(f"the {pool.name} worker did not start; see {home / 'logs'}")
                time.sleep(0.5)


def _watch(services: dict[str, _Service], work: Callable[[str], None], home: Path) -> None:
    """Start a worker again that was killed, unless it ends at once. Raises JslError."""
    started = dict.fromkeys(services, time.monotonic())
    while True:
        for name, service in list(services.items()):
            if service.poll() is None:
                continue
            if name == "server" or time.monotonic() - started[name] < _SOON_SECONDS:
                _refuse_ended(services, home)
            print(f"jsl up: the {name} worker has ended; it is started again", flush=True)
            work(name)
            started[name] = time.monotonic()
        time.sleep(1)


def _refuse_ended(services: dict[str, _Service], home: Path) -> None:
    for name, service in services.items():
        if service.poll() is not None:
            raise JslError(f"the {name} service has ended; see {home / 'logs' / f'{name}.log'}")


def _gpu() -> str:
    import torch

    if torch.cuda.is_available():
        return f"The gpu worker has {torch.cuda.get_device_name()}."
    return "There is no GPU here: the gpu worker trains on the processor."
