"""A PACS by DICOMweb: results by STOW, films by QIDO and WADO."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset

from jsl_core.errors import BadSettings, JslError
from jsl_core.pacs.intake import Intake, Outcome
from jsl_core.pacs.outbox import Away, Refused

__all__ = ["AUTH_VARIABLE", "StowSender", "find_films", "pull_film"]

AUTH_VARIABLE = (
    "JSL_DICOMWEB_AUTH"  # user:password, or `Bearer` and a token: never an option, which others see
)
_SECONDS = 60
_MAY_PASS = {408, 425, 429, 500, 502, 503, 504}  # RFC 9110: the same request may succeed later
_PAGE = 100


def _client(url: str) -> DICOMwebClient:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSettings(
            f"{parts._replace(netloc=parts.hostname or '').geturl()}: no DICOMweb URL; write https://…"
        )
    if parts.username:
        raise BadSettings(f"the URL of {parts.hostname} has a password in it; set {AUTH_VARIABLE} instead")
    session = requests.Session()
    secret = os.environ.get(AUTH_VARIABLE, "")
    if secret.lower().startswith("bearer "):
        session.headers["Authorization"] = secret
    elif secret:
        user, _, password = secret.partition(":")
        session.auth = user, password
    client = DICOMwebClient(url.rstrip("/"), session=session, timeout=_SECONDS)
    client.set_http_retry_params(retry=False)  # the outbox does that, and says so
    return client


class StowSender:
    """Sends objects by STOW-RS."""

    def __init__(self, url: str) -> None:
        self.name = url
        self._client = _client(url)

    def send(self, file: Path) -> None:
        """Send a file; as `Sender.send`."""
        ds = pydicom.dcmread(file)
        try:
            answer = self._client.store_instances([ds])
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            if code in _MAY_PASS:
                raise Away(f"it answers with HTTP status {code}") from None
            raise Refused(f"it answers with HTTP status {code}") from None
        except requests.RequestException:
            raise Away("it cannot be reached") from None
        failed = answer.get("FailedSOPSequence") or ()  # which may be there and empty
        for item in failed:
            reason = int(item.get("FailureReason", 0))
            if reason >> 8 == 0xA7:
                raise Away(f"it is short of room (reason {reason:04X})")
            raise Refused(f"it answers with reason {reason:04X}")

    def close(self) -> None:
        """Connections are per request."""


def find_films(url: str, modalities: Sequence[str], since: str = "") -> Iterator[tuple[str, str, str]]:
    """Find the films that a server has, by QIDO-RS.

    Args:
        url: Of its DICOMweb service.
        modalities: Of the series to look at.
        since: The first study date, YYYYMMDD; blank for all.

    Yields:
        The UIDs of study, series and object of each.

    Raises:
        JslError: If the server does not answer as it should.
    """
    client = _client(url)
    for modality in modalities:
        filters = {"Modality": modality} | ({"StudyDate": f"{since}-"} if since else {})
        for series in _pages(client.search_for_series, search_filters=filters):
            study, own = _uid(series, "0020000D"), _uid(series, "0020000E")
            for film in _pages(client.search_for_instances, study, own):
                yield study, own, _uid(film, "00080018")


def pull_film(url: str, film: tuple[str, str, str], intake: Intake) -> Outcome:
    """Fetch one film by WADO-RS, as the server has it, and let it land.

    Raises:
        JslError: If the server does not answer as it should.
    """
    ds = _ask(_client(url).retrieve_instance, *film, media_types=(("application/dicom", "*"),))
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return intake.take(file.getvalue(), film[2])


def _pages(
    search: Callable[..., list[dict[str, Any]]], *words: str, **options: Any
) -> Iterator[dict[str, Any]]:
    """All answers to a search, page by page."""
    offset = 0
    while True:
        page = _ask(search, *words, limit=_PAGE, offset=offset, **options)
        yield from page
        if len(page) < _PAGE:
            return
        offset += len(page)


def _ask(request: Callable[..., Any], *words: Any, **options: Any) -> Any:
    try:
        return request(*words, **options)
    except requests.HTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        raise JslError(f"the DICOMweb server answers with HTTP status {code}; see its log") from None
    except requests.RequestException:
        raise JslError("the DICOMweb server cannot be reached; check its address, or wait for it") from None


def _uid(item: dict[str, Any], tag: str) -> str:
    return str(Dataset.from_json({tag: item[tag]})[int(tag, 16)].value)
