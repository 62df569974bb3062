"""A run on a bucket whose bits are flipped and whose server is killed ends as one on a whole folder."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers import BUCKET, MortalServer

from flows.prepare import prepare
from jsl_core.config import PhantomSettings, PipelineSettings, load_pipeline
from jsl_core.phantom import write_phantom
from jsl_core.storage import open_store
from jsl_core.storage.open import forget_stores
from jsl_core.storage.verify import verify_store
from tasks.caching import forget_results, results_block

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.s3, pytest.mark.slow]


def run(settings: PipelineSettings) -> str:
    """The digest of the dataset."""
    forget_results()
    return prepare.with_options(result_storage=results_block(settings.store))(settings).dataset.sha256


def flip_bits(folder: Path, count: int) -> None:
    """Flip a bit each in so many objects of a bucket, behind its server's back."""
    files = [path for kind in ("cas", "memo", "results", "archives") for path in (folder / kind).rglob("*")]
    files = sorted(path for path in files if path.is_file())
    for number, path in enumerate(random.Random(7).sample(files, count)):
        data = bytearray(path.read_bytes())
        data[random.Random(number).randrange(len(data))] ^= 1 << number % 8
        path.write_bytes(bytes(data))


@contextmanager
def restarts(mortal: MortalServer, count: int) -> Iterator[None]:
    """Kill the server so often while the block is at work, each time for two seconds."""
    ended = threading.Event()

    def restart() -> None:
        for _ in range(count):
            if ended.wait(1.0):
                return
            mortal.kill()
            ended.wait(2.0)
            mortal.start()

    thread = threading.Thread(target=restart)
    thread.start()
    yield
    ended.set()
    thread.join()


def test_flipped_bits_in_a_bucket_are_made_good_in_one_run_whose_server_is_killed(
    tmp_path: Path, fresh: pytest.MonkeyPatch
) -> None:
    write_phantom(tmp_path, PhantomSettings(patients=6, seed=3, long_side=(500, 600)), jobs=1)
    places = {"scans": str(tmp_path / "scans"), "cohort": str(tmp_path / "JSL.csv"), "jobs": 1}
    with MortalServer(tmp_path / "buckets") as mortal:
        for name, value in mortal.server.environment.items():
            fresh.setenv(name, value)
        options = places | {"store": f"s3://{BUCKET}/lab", "pack": {"size": 64}}
        settings = load_pipeline(preset="demo", options=options)
        whole = run(settings)
        flip_bits(tmp_path / "buckets" / BUCKET / "lab", 30)
        # Another machine, whose cache has no copies of what was whole; and a stage that has to read.
        fresh.setenv("JSL_CACHE_DIR", str(tmp_path / "another machine"))
        forget_stores()
        again = settings.model_copy(update={"crop": settings.crop.model_copy(update={"margin_px": 3})})
        with restarts(mortal, 3):
            with_margin = run(again)
        assert with_margin != whole
        store = open_store(settings.store)
        verify_store(store, mend=True)
        assert run(settings) == whole
        assert run(again) == with_margin
        assert verify_store(store, mend=False) == []
        folder = settings.model_copy(update={"store": str(tmp_path / "store"), "crop": again.crop})
        assert run(folder) == with_margin
