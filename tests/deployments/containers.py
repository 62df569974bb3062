"""Services of a Compose file as processes here: each in namespaces of its own, as a container has them.

A service's command, environment, volumes, user and health check are those of the file. It sees this machine's
files through an overlay that takes what it writes, and the file's volumes at their places; it has process
numbers of its own, which end with its first process. Instead of a network of Docker's all share one loopback
interface on which the names of services lead to 127.0.0.1. What an image holds is taken from this machine.
"""

import contextlib
import ctypes
import fcntl
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["ComposeLab", "Container", "interpolate", "private_network", "wait_for"]

REPOSITORY = Path(__file__).parents[2]
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of unshare(2)
_SET_FLAGS, _UP = 0x8914, 0x1 | 0x40  # SIOCSIFFLAGS, IFF_UP and IFF_RUNNING of netdevice(7)
_USED = re.compile(r"\$(?:\$|(\w+)|\{(\w+)(?:(:?[-?])([^}]*))?\})")

# As its image's own first program does: a database with that user and password on an empty volume.
_POSTGRES = r"""
PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH
cd /tmp; install -d -o postgres -m 700 "$PGDATA"; install -d -o postgres /var/run/postgresql
as="setpriv --reuid postgres --regid postgres --clear-groups"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf %s "$POSTGRES_PASSWORD" > /tmp/password; chown postgres /tmp/password
    $as initdb --username "$POSTGRES_USER" --pwfile /tmp/password --auth-host scram-sha-256 \
        --no-sync --encoding UTF8 --no-locale > /dev/null
    echo "CREATE DATABASE $POSTGRES_DB" | $as postgres --single postgres > /dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
fi
exec $as postgres -c listen_addresses=* -c fsync=off
"""
_ROOT = r"""
mount -t tmpfs none "$ROOT"; mkdir "$ROOT/upper" "$ROOT/work" "$ROOT/all"
mount -t overlay overlay -o "lowerdir=/,upperdir=$ROOT/upper,workdir=$ROOT/work" "$ROOT/all"
ROOT=$ROOT/all
mount --rbind /dev "$ROOT/dev"; mount -t proc proc "$ROOT/proc"
echo "127.0.0.1 localhost $HOSTS" > "$ROOT/etc/hosts"
mkdir -p "$ROOT/opt/jsl/bin"; cp "$PROGRAMS"/* "$ROOT/opt/jsl/bin"
mount -t tmpfs -o mode=1777 none "$ROOT/tmp"; mkdir -p "$ROOT$CODE"
mount --bind "$CODE" "$ROOT$CODE"; mount -o remount,ro,bind "$ROOT$CODE"
folder=$PYTHON; while [ "$folder" != / ]; do chmod o+rx "$ROOT$folder"; folder=$(dirname "$folder"); done
folder=$CODE; while [ "$folder" != / ]; do folder=$(dirname "$folder"); chmod o+rx "$ROOT$folder"; done
install -d -o 10001 "$ROOT/home/jsl"
"""


@dataclass
class Container:
    """A service that was started."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path
    check: list[str]
    environment: Mapping[str, str]
    user: str

    @property
    def init(self) -> int:
        """The number here of its first process."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def is_healthy(self) -> bool:
        """Run its health check in it, as Docker does."""
        assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()}"
        with contextlib.suppress(IndexError):  # it is just being started
            return self.execute(*self.check).returncode == 0
        return False

    def execute(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in it, as `docker exec` does."""
        enter = ["nsenter", "--target", str(self.init), "--mount", "--pid", "--root"]
        words = [*enter, *_as_user(self.user), *_with(self.environment), *command]
        return subprocess.run(words, capture_output=True, text=True)

    def stop(self) -> int:
        """End it, as `docker stop` does; returns its exit code."""
        with contextlib.suppress(IndexError, FileNotFoundError):
            os.kill(self.init, signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """End it at once, with all that it has started: its process numbers end with the first."""
        with contextlib.suppress(IndexError, FileNotFoundError, ProcessLookupError):
            os.kill(self.init, signal.SIGKILL)  # of another user, whom `unshare --kill-child` does not reach
        self.process.kill()
        self.process.wait()


@dataclass
class ComposeLab:
    """The services of a Compose file on this machine.

    Attributes:
        file: The Compose file.
        values: What docker/.env would hold.
        folder: Holds volumes and logs.
    """

    file: Path
    values: Mapping[str, str]
    folder: Path
    running: dict[str, Container] = field(default_factory=dict)

    def __post_init__(self) -> None:
        content = yaml.safe_load(self.file.read_text())
        self.services: dict[str, Any] = interpolate(content["services"], self.values)
        self._programs = self.folder / "programs"
        self._programs.mkdir(parents=True, exist_ok=True)
        python = shlex.quote(sys.executable)
        words = {
            "python": f'{python} "$@"',
            "jsl": f'{python} -P -m flows.cli "$@"',
            "rclone": f'{Path(sys.executable).with_name("rclone")} "$@"',
        }
        for name, command in words.items():
            (self._programs / name).write_text(f"#!/bin/sh\nexec {command}\n")
            (self._programs / name).chmod(0o755)

    def start(self, name: str, **more: str) -> Container:
        """Start a service; `more` are variables beside those of the file."""
        service, is_ours = self.services[name], self.services[name].get("image", "").startswith("jsl:")
        given = {
            key: value if value is not None else self.values.get(key, "")
            for key, value in service.get("environment", {}).items()
            if value is not None or key in self.values
        }
        image = _image_environment() if is_ours else {"PGDATA": "/var/lib/postgresql/data"}
        environment = {"HOME": "/home/jsl" if is_ours else "/root", **image, **given, **more}
        command = [*service.get("entrypoint", []), *service.get("command", [])]
        if service["image"].startswith("postgres:"):
            command = ["sh", "-euc", _POSTGRES]
        init = ["tini", "--"] if service.get("init") else []
        user = "10001" if is_ours else "0"
        root = self.folder / "roots" / name
        root.mkdir(parents=True, exist_ok=True)
        script = "\n".join(
            [_ROOT, *self._mounts(service), 'exec chroot "$ROOT" "$@"'],
        )
        log = self.folder / f"{name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", script, "sh"),
                    *(*_as_user(user), *_with(environment), *init, *command),
                ],
                env={
                    **os.environ,
                    "ROOT": str(root),
                    "CODE": str(REPOSITORY),
                    "PYTHON": str(Path(sys.executable).resolve()),
                    "PROGRAMS": str(self._programs),
                    "HOSTS": " ".join(self.services),
                },
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        check = service.get("healthcheck", {}).get("test", ["CMD"])[1:]
        self.running[name] = Container(name, process, log, check, environment, user)
        return self.running[name]

    def volume(self, name: str) -> Path:
        """The folder of a volume; a new one has the owner that its place in the image has."""
        folder = self.folder / "volumes" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            if name in ("store", "cache"):
                os.chown(folder, 10001, 10001)
        return folder

    def stop(self) -> dict[str, int]:
        """End all services, last to first; returns their exit codes."""
        return {name: self.running.pop(name).stop() for name in reversed(list(self.running))}

    def kill(self) -> None:
        """End all services at once."""
        while self.running:
            self.running.popitem()[1].kill()

    def _mounts(self, service: Mapping[str, Any]) -> Iterator[str]:
        for each in service.get("volumes", []):
            if isinstance(each, str):
                source, target, *options = each.split(":")
                place = self.file.parent / source if source.startswith(".") else self.volume(source)
                is_read_only = "ro" in options
            else:
                place, target, is_read_only = Path(each["source"]), each["target"], each.get("read_only")
                assert place.is_dir(), f"{place}: there is no such folder"  # create_host_path: false
            where = f'"$ROOT"{shlex.quote(target)}'
            make = f"mkdir -p {where}" if place.is_dir() else f"install -D /dev/null {where}"
            yield f"{make}; mount --bind {shlex.quote(str(place))} {where}"
            if is_read_only:
                yield f"mount -o remount,ro,bind {where}"


def interpolate(content: Any, values: Mapping[str, str]) -> Any:
    """Fill in variables, as the Compose specification's chapter on interpolation says.

    Raises:
        ValueError: If one that is required has no value.
    """

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, kind, words = match[1] or match[2], match[3] or "", match[4]
        is_there = bool(values.get(name)) if kind.startswith(":") else name in values
        if not is_there and kind.endswith("?"):
            raise ValueError(f"required variable {name} is missing a value: {words}")
        return values[name] if is_there else str(words or "")

    if isinstance(content, dict):
        return {key: interpolate(each, values) for key, each in content.items()}
    if isinstance(content, list):
        return [interpolate(each, values) for each in content]
    return _USED.sub(value, content) if isinstance(content, str) else content


@contextlib.contextmanager
def private_network() -> Iterator[None]:
    """Give this thread, and what it starts, a network of its own with nothing but a loopback interface."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before:
        if libc.unshare(_NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "no network of one's own")
        try:
            with socket.socket() as any_socket:
                fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
            yield
        finally:
            libc.setns(before.fileno(), _NEW_NETWORK)


def wait_for(condition: Any, seconds: float = 300) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _image_environment() -> dict[str, str]:
    """What the Dockerfile sets for the processor's image."""
    dockerfile = (REPOSITORY / "docker" / "Dockerfile").read_text().partition(" AS gpu")[0]
    block = re.findall(r"^ENV ((?:.*\\\n)*.*)$", dockerfile, re.MULTILINE)[-1]
    words = dict(word.split("=", 1) for word in block.replace("\\\n", " ").split())
    return {**words, "PATH": words["PATH"].replace("$PATH", os.environ["PATH"]), "OMP_NUM_THREADS": "1"}


def _as_user(user: str) -> list[str]:
    return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]


def _with(environment: Mapping[str, str]) -> list[str]:
    path = environment.get("PATH", f"/opt/jsl/bin:{os.environ['PATH']}")
    place = ["env", "--chdir", environment["HOME"], "-i"]
    return [*place, *(f"{name}={value}" for name, value in ({"PATH": path} | environment).items())]
