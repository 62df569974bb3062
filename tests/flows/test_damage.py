"""A run on a store of which parts are damaged makes these again, and ends as on one that is whole."""

import random
import shutil
from pathlib import Path

import pytest

from flows.prepare import prepare
from jsl_core.config import PhantomSettings, PipelineSettings, load_pipeline
from jsl_core.phantom import write_phantom
from jsl_core.storage import FolderStore
from jsl_core.storage.verify import verify_store
from tasks.caching import results_block

pytestmark = pytest.mark.usefixtures("prefect")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> PipelineSettings:
    """A run of prepare on small films, done once."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, PhantomSettings(patients=6, seed=3, long_side=(600, 700)))
    places = {"scans": str(folder / "scans"), "cohort": str(folder / "JSL.csv")}
    places["store"] = str(tmp_path_factory.mktemp("store"))
    settings = load_pipeline(preset="demo", options=places | {"pack": {"size": 64}})
    run(settings)
    return settings


def run(settings: PipelineSettings) -> str:
    """The digest of the dataset."""
    return prepare.with_options(result_storage=results_block(settings.store))(settings).dataset.sha256


def flip_bits(store: FolderStore, count: int, kinds: tuple[str, ...]) -> None:
    """Flip a bit each in so many objects."""
    keys = [key for kind in kinds for key in store.keys(kind)]
    for number, key in enumerate(random.Random(5).sample(keys, count)):
        path = store.root / key
        data = bytearray(path.read_bytes())
        data[random.Random(number).randrange(len(data))] ^= 1 << number % 8
        path.write_bytes(bytes(data))


@pytest.mark.parametrize("kinds", [("cas",), ("memo", "results", "scans", "history")])
def test_thirty_flipped_bits_are_made_good_in_one_run(
    settings: PipelineSettings, tmp_path: Path, kinds: tuple[str, ...]
) -> None:
    whole, damaged = (
        settings.model_copy(
            update={
                "store": str(shutil.copytree(settings.store, tmp_path / name, ignore=_work)),
                "crop": settings.crop.model_copy(update={"margin_px": 3}),
            }
        )
        for name in ("whole", "damaged")
    )
    store = FolderStore(Path(damaged.store))
    flip_bits(store, 30, kinds)
    assert run(damaged) == run(whole)
    verify_store(store, mend=True)
    assert run(damaged) == run(whole)
    assert verify_store(store, mend=False) == []


def _work(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "work"]
