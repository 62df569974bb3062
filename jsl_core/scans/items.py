"""What the stages convert and split do to one item: a row in, rows out, the pictures in a store.

Apart from the tasks that map these over a bucket, so that a worker process need not load Prefect.
"""

from pathlib import Path

from jsl_core.cohort.persons import normalise_participant
from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.errors import BadScan
from jsl_core.imaging import Look, Pseudonyms, ScanRecord, convert_scan, read_scan, split_film
from jsl_core.imaging.names import encode_name
from jsl_core.review.correction import fits
from jsl_core.review.film import correct_film, split_as_corrected
from jsl_core.scans.rows import Row, rejection
from jsl_core.storage import Artifact, Store, open_store

__all__ = ["convert_item", "split_item"]

_NOT_OF_SCAN = ("png", "correction", "corrected")  # keys of a film's row that are none of its record


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
            a pseudonym, `path` has its name. Where a reviewer has turned it, `correction` says how.
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
    corrected: Row = {}
    if "correction" in item and fits(item["correction"], record.pixels):
        record, png, corrected = correct_film(record, png, item["correction"], look)
    if pseudonyms:
        participant = pseudonyms(normalise_participant(record.participant))
        record = record.model_copy(update={"file": item["file"], "participant": participant})
    film = open_store(store).put(png, "film.png")
    row = record.model_dump(mode="json") | {"png": film.model_dump()}
    return [row | ({"corrected": corrected} if corrected else {})]


def split_item(film: Row, settings: SplitSettings, store: str) -> list[Row]:
    """Split one film, a row of `convert_item`, and store its knees.

    Where a reviewer sees them otherwise, the film has a `correction`.

    Returns:
        A row per knee.

    Raises:
        BadScan: As `find_knees`.
    """
    knee_store = open_store(store)
    scan = ScanRecord.model_validate({key: value for key, value in film.items() if key not in _NOT_OF_SCAN})
    if "correction" in film and fits(film["correction"], scan.pixels):
        return _split_as_corrected(film, scan, knee_store)
    knees = split_film(knee_store.get(Artifact.model_validate(film["png"])), scan, settings)
    return [
        knee.model_dump(mode="json")
        | {"png": knee_store.put(png, f"{encode_name(knee.ID)}.png").model_dump()}
        for knee, png in knees
    ]


def _split_as_corrected(film: Row, scan: ScanRecord, store: Store) -> list[Row]:
    png = store.get(Artifact.model_validate(film["png"]))
    rows = []
    for knee, picture, corrected in split_as_corrected(
        png, scan, film["correction"], film.get("corrected", {})
    ):
        row = knee.model_dump(mode="json")
        if isinstance(picture, BadScan):
            rows.append(rejection(row, picture) | corrected)
        else:
            stored = store.put(picture, f"{encode_name(knee.ID)}.png")
            rows.append(row | corrected | {"png": stored.model_dump()})
    return rows
