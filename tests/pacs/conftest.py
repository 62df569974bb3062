"""Phantom films, their results, and a real PACS: Debian's Orthanc, bound to this machine alone."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.cli.main import main
from jsl_core.config import PhantomSettings
from jsl_core.phantom import write_phantom

# Orthanc 1.10 has no setting for the address it listens at: this stands before the C library's bind.
_BIND = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>
int bind(int fd, const struct sockaddr *address, socklen_t length) {
    static int (*next)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_in local;
    if (!next) next = dlsym(RTLD_NEXT, "bind");
    if (address->sa_family == AF_INET && length >= sizeof local) {
        local = *(const struct sockaddr_in *)address;
        local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return next(fd, (struct sockaddr *)&local, sizeof local);
    }
    return next(fd, address, length);
}
"""
_PLUGINS = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def jsl(*words: object) -> int:
    """Run a command of jsl in this process; returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def needs(program: str, package: str) -> pytest.MarkDecorator:
    """Skips a test where a program of a Debian package is not installed."""
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is missing: apt-get install {package}"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc: where it listens, and the port at which it knows the AE JSL."""

    http: int
    dicom: int
    jsl_port: int

    @property
    def dicomweb(self) -> str:
        return f"http://127.0.0.1:{self.http}/dicom-web"

    @property
    def ae(self) -> str:
        return f"ORTHANC@127.0.0.1:{self.dicom}"

    def ask(self, path: str, body: bytes | str | None = None) -> Any:
        """GET a path of its own interface, or POST a body there."""
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def delete(self, path: str) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()

    def fetch(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=60) as answer:
            content: bytes = answer.read()
            return content

    def instances(self) -> list[bytes]:
        """All files that it holds."""
        return [self.fetch(f"/instances/{name}/file") for name in self.ask("/instances")]


@pytest.fixture(scope="session")
def only_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that keeps a program from listening at other addresses than 127.0.0.1."""
    folder = tmp_path_factory.mktemp("bind")
    (folder / "bind.c").write_text(_BIND)
    library = folder / "bind.so"
    for program in ("Orthanc", "cc"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing: apt-get install orthanc orthanc-dicomweb gcc libc6-dev")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, folder / "bind.c", "-ldl"], check=True)
    return library


@pytest.fixture(scope="session")
def running_orthanc(tmp_path_factory: pytest.TempPathFactory, only_this_machine: Path) -> Iterator[Orthanc]:
    place = Orthanc(free_port(), free_port(), free_port())
    with run_orthanc(place, tmp_path_factory.mktemp("pacs") / "orthanc", only_this_machine):
        yield place


@pytest.fixture
def orthanc(running_orthanc: Orthanc) -> Orthanc:
    """An empty Orthanc that knows the AE JSL."""
    for patient in running_orthanc.ask("/patients"):
        running_orthanc.delete(f"/patients/{patient}")
    return running_orthanc


class run_orthanc:  # noqa: N801 - used like a function
    """Runs an Orthanc in a `with` block; the folder outlives it, so that it can be started again."""

    def __init__(self, place: Orthanc, folder: Path, library: Path) -> None:
        self._place, self._folder, self._library = place, folder, library

    def __enter__(self) -> Orthanc:
        folder = self._folder
        folder.mkdir(exist_ok=True)
        settings = {
            "Name": "PACS",
            "StorageDirectory": str(folder),
            "IndexDirectory": str(folder),
            "HttpPort": self._place.http,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAet": "ORTHANC",
            "DicomPort": self._place.dicom,
            "DicomModalities": {"jsl": ["JSL", "127.0.0.1", self._place.jsl_port]},
            "DicomAlwaysAllowStore": True,
            "Plugins": [_PLUGINS],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["Orthanc", folder / "orthanc.json"],
                env=os.environ | {"LD_PRELOAD": str(self._library)},
                stdout=log,
                stderr=log,
            )
        while True:
            try:
                self._place.ask("/system")
                return self._place
            except (urllib.error.URLError, OSError):
                assert self._process.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two phantom films of two participants."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, PhantomSettings(patients=2, seed=3, long_side=(700, 800)), 1)
    return folder / "scans"


@pytest.fixture(scope="session")
def scored(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `scores.csv` of those films, and their results in `dicom`."""
    folder = tmp_path_factory.mktemp("scored")
    out = folder / "scores.csv"
    assert jsl("score", films, "--out", out, "--dicom", folder / "dicom", "--jobs", 1) == 0
    return folder
