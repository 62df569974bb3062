"""Films pulled from a DICOMweb server: what is new there lands, each once."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jsl_core.errors import JslError
from jsl_core.imaging.sources import STATE
from jsl_core.landing import is_bucket_url
from jsl_core.pacs.dicomweb import find_films, pull_film
from jsl_core.pacs.intake import Intake
from jsl_core.storage import digest_of

__all__ = ["PULL_LOG", "Counts", "Puller"]

PULL_LOG = "jsl.pull"  # the logger; a line for each object


@dataclass
class Counts:
    """Of one look at the server: films that landed, objects that did not, and what had been pulled before."""

    landed: int = 0
    others: int = 0
    known: int = 0


class Puller:
    """Pulls from one server; what was pulled is noted by SOP instance UID, in a folder's own state."""

    def __init__(self, url: str, intake: Intake, landing: str, modalities: Sequence[str], since: str) -> None:
        """Describe a puller.

        Args:
            url: The DICOMweb service.
            intake: Takes what is fetched.
            landing: Where it lands: a folder keeps the notes of what was pulled, a bucket none.
            modalities: As for `find_films`.
            since: As for `find_films`.
        """
        self._url, self._intake, self._modalities, self._since = url, intake, modalities, since
        self._log = logging.getLogger(PULL_LOG)
        notes = Path(landing) / STATE / f"pulled-{digest_of(url)[:12]}.txt"
        self._notes = None if is_bucket_url(landing) else notes
        self._done = set(notes.read_text().split()) if self._notes and notes.exists() else set()

    def pull_new(self) -> Counts:
        """Let everything land that was not pulled before.

        Raises:
            JslError: If the server does not answer, or the landing has no room; the next look goes on there.
        """
        counts = Counts()
        try:
            for film in find_films(self._url, self._modalities, self._since):
                if film[2] in self._done:
                    counts.known += 1
                    continue
                outcome = pull_film(self._url, film, self._intake)
                self._log.info("%s: %s", outcome.uid or "an object", outcome.words)
                if outcome.is_for_later:
                    raise JslError("the landing's disk is short of room; free some, and pull again")
                self._note(film[2])
                if outcome.has_landed:
                    counts.landed += 1
                else:
                    counts.others += 1
        except JslError as error:
            self._log.warning("%s", error)
            raise
        return counts

    def _note(self, uid: str) -> None:
        self._done.add(uid)
        if self._notes:
            self._notes.parent.mkdir(parents=True, exist_ok=True)
            with self._notes.open("a") as file:
                file.write(f"{uid}\n")
