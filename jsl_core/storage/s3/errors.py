"""What a server's refusal means: one line that says what to do, without a secret."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import (
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
from jsl_core.storage.s3.bucket_location import BucketLocation

__all__ = [
    "BROKEN_CONNECTION",
    "OVERLOADED",
    "NotAnS3Server",
    "ObjectNotFound",
    "error_code",
    "http_status",
    "to_store_error",
]


class ObjectNotFound(Exception):
    """There is no such object."""


class NotAnS3Server(Exception):
    """An answer that lacks what every S3 server sends: a login page of a network, for one."""


BROKEN_CONNECTION = (
    ConnectionClosedError,
    ConnectTimeoutError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
    RetriesExceededError,
    HTTPError,
)
# Codes: Amazon S3 API Reference, "Error responses"; some are of other servers.
OVERLOADED = {
    "SlowDown",
    "RequestTimeout",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "OperationAborted",
}
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
_MEANINGS_BY_STATUS = {
    401: _MEANINGS["InvalidAccessKeyId"],
    403: "the access key is refused; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and its rights",
    507: _MEANINGS["InsufficientStorage"],
}
_MAX_CLOCK_SKEW = 300  # seconds; servers refuse from 900


def to_store_error(error: Exception, location: BucketLocation, key: str = "") -> StoreError:
    """Turn a request's error into one line: which store or object, what is wrong, what to do."""
    return StoreError(f"store {location.describe(key)}: {_explain(error)}")


def error_code(error: Exception) -> str:
    """Return the S3 code of a refusal, such as `NoSuchKey`; "" for any other error."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def http_status(error: Exception) -> int:
    """Return the HTTP status of a refusal; 0 for any other error."""
    return int(_response_metadata(error).get("HTTPStatusCode", 0))


def _explain(error: Exception) -> str:
    if isinstance(error, ClientError):
        return _explain_refusal(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if isinstance(error, SSLError):
        return "the server's certificate is not trusted; set AWS_CA_BUNDLE to your authority's file"
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return "the server cannot be reached; check AWS_ENDPOINT_URL_S3 and the network"
    if isinstance(error, ResponseParserError | NotAnS3Server):
        return "what answers there is no S3 server; check AWS_ENDPOINT_URL_S3, and what stands between"
    if isinstance(error, BROKEN_CONNECTION):
        return "the connection broke again and again; check the network and run again (what is done is kept)"
    return f"{type(error).__name__}; check the AWS settings"


def _explain_refusal(error: ClientError) -> str:
    code, status = error_code(error), http_status(error)
    skew = _clock_skew(error)
    if code == "RequestTimeTooSkewed" or (status == 403 and skew is not None and abs(skew) > _MAX_CLOCK_SKEW):
        off = f" by {abs(skew):.0f} seconds" if skew is not None else ""
        return f"this machine's clock and the server's differ{off}; set the clock (NTP) and run again"
    if code in _MEANINGS:
        return _MEANINGS[code]
    if status in _MEANINGS_BY_STATUS:
        return _MEANINGS_BY_STATUS[status]
    if status >= 500 or code in OVERLOADED:
        return f"the server is in trouble ({code}, status {status}); run again later (what is done is kept)"
    return f"the server refuses {error.operation_name} ({code}, status {status}); check that it speaks S3"


def _response_metadata(error: Exception) -> dict[str, Any]:
    return error.response.get("ResponseMetadata", {}) if isinstance(error, ClientError) else {}


def _clock_skew(error: ClientError) -> float | None:
    """Seconds that this machine's clock is ahead of the server's; None where the answer has no date."""
    try:
        date = parsedate_to_datetime(_response_metadata(error).get("HTTPHeaders", {})["date"])
    except (KeyError, ValueError):
        return None
    return (datetime.now(UTC) - date).total_seconds()
