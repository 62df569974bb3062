"""What the stages convert and split do to one item: a row in, rows out, the pictures in a store.

Apart from the tasks that map these over a bucket, so that a worker process need not load Prefect.
"""

from pathlib import Path

from jsl_core.cohort.persons import normalise_participant
from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.errors import BadScan
from jsl_core.imaging import Look, Pseudonyms, ScanRecord, convert_scan, read_scan, split_film
from jsl_core.imaging.names import encode_name
from jsl_core.scans.rows import Row
from jsl_core.storage import Artifact, open_store

__all__ = ["convert_item", "split_item"]


def convert_item(
    item: Row,
    settings: ConvertSettings,
    scans: str,
    store: str,
    look: Look,
    pseudonyms: Pseudonyms | None = None,
) -> list[Row]:
    """Convert one scan and store its film.

    Args:
        item: The scan's `file` below the folder `scans`, and its `sha256` when it was listed. Where `file` is
            a pseudonym, `path` has its name.
        settings: How it is shown.
        scans: The folder of the scans.
        store: The store's URL.
        look: Looks at the film's picture.
        pseudonyms: What the participant is called, None for the own name.

    Returns:
        The film's row.

    Raises:
        BadScan: With a reason of the quality gate, or `changed` if the file is another by now.
    """
    name = item["path"] if "path" in item else item["file"]
    data = read_scan(Path(scans), name)
    if Artifact.of_bytes(data, item["file"]).sha256 != item["sha256"]:
        raise BadScan("changed", "the file changed while the run was reading it; run again")
    record, png = convert_scan(data, name, settings, look)
    if pseudonyms:
        participant = pseudonyms(normalise_participant(record.participant))
        record = record.model_copy(update={"file": item["file"], "participant": participant})
    film = open_store(store).put(png, "film.png")
    return [record.model_dump(mode="json") | {"png": film.model_dump()}]


def split_item(film: Row, settings: SplitSettings, store: str) -> list[Row]:
    """Split one film, a row of `convert_item`, and store its knees.

    Returns:
        A row per knee.

    Raises:
        BadScan: As `find_knees`.
    """
    knee_store = open_store(store)
    scan = ScanRecord.model_validate({key: value for key, value in film.items() if key != "png"})
    knees = split_film(knee_store.get(Artifact.model_validate(film["png"])), scan, settings)
    return [
        knee.model_dump(mode="json")
        | {"png": knee_store.put(png, f"{encode_name(knee.ID)}.png").model_dump()}
        for knee, png in knees
    ]
