"""Films by C-STORE: `jsl listen` beside DCMTK's `storescp` on the same disk, and killed at random.

jsl bench pacs [--films 1000] [--megabytes 8] [--rounds 3] [--kills 5]. Needs Debian's dcmtk. Every film is
sent by `storescu` in one association; `jsl listen` has it on the disk (fsync) before it answers, `storescp`
does not wait for that. Each round lets one of them go first in turn.
"""

import argparse
import io
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom

from jsl_core.phantom.dicom import make_film_dataset, to_bytes
from jsl_core.phantom.encoding import Encoding


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--films", type=int, default=1000)
    options.add_argument("--megabytes", type=float, default=8)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--kills", type=int, default=5)
    options.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    options.add_argument("--out", type=Path)
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        films = write_films(folder / "films", arguments.films, arguments.megabytes)
        lines = measure_rates(films, folder, arguments.rounds) if arguments.rounds else []
        lines += kill_at_random(films, folder, arguments.kills) if arguments.kills else []
    print("\n".join(lines))
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "pacs.txt").write_text("\n".join(lines) + "\n")


def write_films(folder: Path, count: int, megabytes: float) -> list[Path]:
    """Films of grain, uncompressed, each with a SOP instance UID of its own."""
    folder.mkdir()
    side = round((megabytes * 1e6 / 2) ** 0.5)
    values = np.random.default_rng(0).integers(0, 4096, (side, side)).astype(np.uint16)
    encoding = Encoding(
        syntax="ExplicitVRLittleEndian",
        bits=12,
        monochrome1=False,
        windowed=False,
        spacing="PixelSpacing",
        oriented=True,
        flipped=False,
        sided=True,
    )
    data = to_bytes(make_film_dataset(values, "1000001", 0.2, encoding), encoding.syntax)
    ds = pydicom.dcmread(io.BytesIO(data))
    files = []
    for number in range(count):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"2.25.{10**20 + number}"
        files.append(folder / f"{number:04d}.dcm")
        ds.save_as(files[-1])
    os.sync()
    return files


def measure_rates(films: list[Path], folder: Path, rounds: int) -> list[str]:
    """Films a second of both, by turns, and the ratio of the medians."""
    seconds: dict[str, list[float]] = {"storescp": [], "jsl listen": []}
    for number in range(rounds):
        for name in sorted(seconds, reverse=bool(number % 2)):
            landing = folder / f"{name.replace(' ', '-')}-{number}"
            landing.mkdir()
            with receiver(name, landing) as (port, _):
                started = time.monotonic()
                send(films, port)
                seconds[name].append(time.monotonic() - started)
            landed = [file for file in landing.iterdir() if not file.name.startswith(".")]
            assert len(landed) == len(films), (name, len(landed))
            for file in landed:
                file.unlink()
            os.sync()
    rates = {name: [len(films) / second for second in row] for name, row in seconds.items()}
    lines = [
        f"{name}: {statistics.median(row):.0f} films a second (rounds: {', '.join(f'{r:.0f}' for r in row)})"
        for name, row in rates.items()
    ]
    ratio = statistics.median(rates["jsl listen"]) / statistics.median(rates["storescp"])
    size = films[0].stat().st_size / 1e6
    return [f"{len(films)} films of {size:.1f} MB, {rounds} rounds", *lines, f"ratio {ratio:.2f}"]


def kill_at_random(films: list[Path], folder: Path, kills: int) -> list[str]:
    """Kill the listener while films are sent; every film that was acknowledged must be there, and whole."""
    acknowledged: set[Path] = set()
    landing = folder / "killed"
    landing.mkdir()
    dice = random.Random(0)
    for _ in range(kills):
        with receiver("jsl listen", landing) as (port, listener):
            sender = subprocess.Popen(
                ["storescu", "-v", "-aec", "JSL", "127.0.0.1", str(port), *map(str, films)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            time.sleep(dice.uniform(0.2, 2.0))
            listener.kill()
            output, _ = sender.communicate()
        film = None
        for line in output.splitlines():
            if "Sending file: " in line:
                film = Path(line.split("Sending file: ")[1].strip())
            elif "Received Store Response (Success)" in line and film:
                acknowledged.add(film)
    lost = sum(not is_whole(film, landing) for film in acknowledged)
    return [f"killed {kills} times: {len(acknowledged)} films acknowledged, {lost} of them lost or damaged"]


def is_whole(film: Path, landing: Path) -> bool:
    sent = pydicom.dcmread(film)
    landed = landing / f"{sent.SOPInstanceUID}.dcm"
    return landed.is_file() and pydicom.dcmread(landed).PixelData == sent.PixelData


def send(films: list[Path], port: int) -> None:
    """Send films in one association; raises where one is not taken."""
    command = ["storescu", "-aec", "JSL", "127.0.0.1", str(port), *map(str, films)]
    subprocess.run(command, check=True)


@contextmanager
def receiver(name: str, landing: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run a receiver that writes into a folder; yields its port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if name == "storescp":
        command = ["storescp", "-od", str(landing), "-aet", "JSL", str(port)]
    else:
        command = [sys.executable, "-m", "flows.cli", "listen", str(landing), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        echo = ["echoscu", "-aec", "JSL", "127.0.0.1", str(port)]
        while subprocess.run(echo, capture_output=True).returncode:
            time.sleep(0.1)
        yield port, process
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
