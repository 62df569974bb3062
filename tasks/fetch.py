"""Scans in a bucket are copied to this machine before a stage reads them; those in a folder stay there."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from jsl_core.cohort.columns import VISIT
from jsl_core.config import PipelineSettings
from jsl_core.landing import is_bucket_url, scan_folder
from jsl_core.scans.listing import list_scans
from jsl_core.scans.visits import visits_of_films
from jsl_core.storage import Artifact, digest_of
from jsl_core.system.code_key import code_key
from tasks.caching import Placement
from tasks.cohort import read_run_cohort

if TYPE_CHECKING:
    from jsl_core.landing.bucket import BucketLanding

__all__ = ["fetch_scans", "list_all", "list_visits"]


def list_all(settings: PipelineSettings, placement: Placement) -> list[Artifact]:
    """All scans by their content, lying where the stages read them."""
    if is_bucket_url(settings.scans):
        _bucket(settings, placement).download_all()
    key = digest_of([placement.scans, code_key(list_scans).digest])
    ledger = placement.folder("digests", f"{key[:12]}.json")
    films = Path(settings.films) if settings.films else None
    return list_scans(Path(placement.scans), ledger, films, placement.pseudonyms())


def list_visits(settings: PipelineSettings, placement: Placement) -> Artifact | None:
    """The visit of each film by its name, where the table of films or else the cohort table tells it.

    None for a cohort table of one row a knee.
    """
    if VISIT not in read_run_cohort(Path(settings.cohort), placement):
        return None
    visits: dict[str, str] = {}
    for table in filter(None, (settings.cohort, settings.films)):  # what the list of films says goes before
        visits |= visits_of_films(Path(table))
    alias = placement.pseudonyms() or str
    data = json.dumps({alias(film): visit for film, visit in sorted(visits.items())})
    return placement.open().put(data.encode(), "visits.json")


def fetch_scans(
    buckets: Iterable[Iterable[Artifact]], settings: PipelineSettings, placement: Placement
) -> None:
    """Have these scans, or the archives they are in, where the stages read them."""
    if is_bucket_url(settings.scans) and placement.pseudonymise:
        _bucket(settings, placement).download_all()
    elif is_bucket_url(settings.scans):
        names = {scan.name.partition("!/")[0] for bucket in buckets for scan in bucket}
        _bucket(settings, placement).download_named(names)


def _bucket(settings: PipelineSettings, placement: Placement) -> "BucketLanding":
    from jsl_core.landing.bucket import BucketLanding  # scans in a folder need no boto3

    return BucketLanding(settings.scans, scan_folder(settings.scans, Path(placement.work)))
