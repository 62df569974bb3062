"""What a server's refusal means: tried again where that can help, else one line without a secret."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import RetriesExceededError
from urllib3.exceptions import HTTPError

from jsl_core.errors import StoreError
from jsl_core.storage.s3.bucket_location import Place

__all__ = ["NotFound", "Strange", "attempt", "told"]

T = TypeVar("T")


class NotFound(Exception):
    """There is no such object."""


class Strange(Exception):
    """An answer that lacks what every S3 server says: a login page of a network, for one."""


_PAUSES = (0.2, 1.0, 4.0)  # seconds, after botocore's own attempts: bodies that break are not its business
_PATIENCE = 120.0  # seconds after which nothing more is tried: each attempt at a mute server takes minutes
_SKEW = 300  # seconds; servers refuse from 900
_BROKEN = (
    ConnectionClosedError,
    ConnectTimeoutError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
    RetriesExceededError,
    HTTPError,
)
_FAULTS = (BotoCoreError, ClientError, HTTPError, ResponseParserError, RetriesExceededError, Strange)
_PASSING = {
    "SlowDown",
    "RequestTimeout",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "OperationAborted",
}
_DAMAGED = {"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"}  # on the way there: send it again
_MEANINGS = {
    "NoSuchBucket": "there is no such bucket; make it, or mend the store's name",
    "SignatureDoesNotMatch": "the secret is wrong; set AWS_SECRET_ACCESS_KEY or AWS_PROFILE",
    "InvalidAccessKeyId": "the access key is unknown; set AWS_ACCESS_KEY_ID or AWS_PROFILE",
    "ExpiredToken": "the session has expired; log in again",
    "InvalidToken": "the session token is refused; log in again",
    "AccessDenied": "the access key may not do that; ask for leave to list, read, write and delete there",
    "PermanentRedirect": "the bucket is in another region; set AWS_DEFAULT_REGION",
    "AuthorizationHeaderMalformed": "the bucket is in another region; set AWS_DEFAULT_REGION",
    "QuotaExceeded": "the quota is used up; free some space and run again (what is done is kept)",
    "InsufficientStorage": "the server is full; free some space and run again (what is done is kept)",
}
_BY_STATUS = {
    401: _MEANINGS["InvalidAccessKeyId"],
    403: "the access key is refused; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and its rights",
    507: _MEANINGS["InsufficientStorage"],
}


def attempt(operation: Callable[[], T], place: Place, key: str = "") -> T:
    """The operation's result, tried again after passing faults. Raises StoreError, or NotFound."""
    started = time.monotonic()
    for pause in (*_PAUSES, None):
        try:
            return operation()
        except _FAULTS as error:
            if _code(error) in ("NoSuchKey", "404", "NotFound"):
                raise NotFound from None
            if pause is None or not _passing(error) or time.monotonic() - started > _PATIENCE:
                raise told(error, place, key) from None
            time.sleep(pause * random.uniform(0.5, 1.5))
    raise AssertionError("the last round returns or raises")


def told(error: Exception, place: Place, key: str = "") -> StoreError:
    """The error of a request as one line: where, what, and what to do."""
    return StoreError(f"store {place.told(key)}: {_meaning(error)}")


def _meaning(error: Exception) -> str:
    if isinstance(error, ClientError):
        return _refusal(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if isinstance(error, SSLError):
        return "the server's certificate is not trusted; set AWS_CA_BUNDLE to your authority's file"
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return "the server cannot be reached; check AWS_ENDPOINT_URL_S3 and the network"
    if isinstance(error, ResponseParserError | Strange):
        return "what answers there is no S3 server; check AWS_ENDPOINT_URL_S3, and what stands between"
    if isinstance(error, _BROKEN):
        return "the connection broke again and again; check the network and run again (what is done is kept)"
    return f"{type(error).__name__}; check the AWS settings"


def _refusal(error: ClientError) -> str:
    code, status = _code(error), _metadata(error).get("HTTPStatusCode", 0)
    skew = _skew(error)
    if code == "RequestTimeTooSkewed" or (status == 403 and skew is not None and abs(skew) > _SKEW):
        off = f" by {abs(skew):.0f} seconds" if skew is not None else ""
        return f"this machine's clock and the server's differ{off}; set the clock (NTP) and run again"
    if code in _MEANINGS:
        return _MEANINGS[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500 or code in _PASSING:
        return f"the server is in trouble ({code}, status {status}); run again later (what is done is kept)"
    return f"the server refuses the request {error.operation_name} ({code}, status {status})"


def _passing(error: Exception) -> bool:
    status = _metadata(error).get("HTTPStatusCode", 0)
    return (
        isinstance(error, _BROKEN)
        or (status >= 500 and status not in (501, 507))
        or _code(error) in _PASSING | _DAMAGED
    )


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _metadata(error: Exception) -> dict[str, Any]:
    return error.response.get("ResponseMetadata", {}) if isinstance(error, ClientError) else {}


def _skew(error: ClientError) -> float | None:
    """Seconds that this machine's clock is ahead of the server's, as far as its answer tells."""
    try:
        date = parsedate_to_datetime(_metadata(error).get("HTTPHeaders", {})["date"])
    except (KeyError, ValueError):
        return None
    return (datetime.now(UTC) - date).total_seconds()
