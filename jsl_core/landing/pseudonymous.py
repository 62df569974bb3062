"""Where scans land, with pseudonyms in place of the names of files: what the ledger keeps names nobody."""

from jsl_core.imaging import Pseudonyms
from jsl_core.landing.ledger import LandedFile, Landing
from jsl_core.storage import Artifact

__all__ = ["PseudonymousLanding"]


class PseudonymousLanding:
    """A landing whose files and scans go by their pseudonyms."""

    def __init__(self, landing: Landing, pseudonyms: Pseudonyms) -> None:
        self._landing, self._pseudonyms = landing, pseudonyms
        self._own: dict[LandedFile, LandedFile] = {}

    @property
    def url(self) -> str:
        """The landing's own: ledgers are found by a digest of it."""
        return self._landing.url

    def files(self) -> list[LandedFile]:
        """The files there now, by pseudonym.

        Raises:
            JslError: If they cannot be listed.
        """
        own = {self._alias(file): file for file in self._landing.files()}
        self._own |= own
        return sorted(own, key=lambda file: file.name)

    def scans(self, file: LandedFile) -> list[Artifact] | None:
        """The scans in a file by their content; None if it is another by now."""
        scans = self._landing.scans(self._own[file])
        return scans and [scan.model_copy(update={"name": self._pseudonyms(scan.name)}) for scan in scans]

    def _alias(self, file: LandedFile) -> LandedFile:
        return file.model_copy(update={"name": self._pseudonyms(file.name)})
