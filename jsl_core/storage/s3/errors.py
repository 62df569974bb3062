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
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import RetriesExceededError
from urllib3.exceptions import HTTPError

from jsl_core.errors import StoreError
from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.system.progress import format_seconds

__all__ = [
    "BROKEN_CONNECTION",
    "OVERLOADED",
    "NotAnS3Server",
    "ObjectNotFound",
    "describe_outage",
    "error_code",
    "http_status",
    "is_not_found",
    "to_store_error",
]


class ObjectNotFound(StoreError):
    """There is no such object; where nobody expects that, an error as any other."""


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
_NOT_FOUND = {"NoSuchKey", "404", "NotFound"}
_OUTAGES: tuple[tuple[type[Exception], str], ...] = (
    (ConnectTimeoutError, "no connection in time"),
    (EndpointConnectionError, "connection refused"),
    (ProxyConnectionError, "proxy refused the connection"),
    (ReadTimeoutError, "no answer in time"),
    (Exception, "connection broken"),
)
_MAX_CLOCK_SKEW = 300  # seconds; servers refuse from 900


def to_store_error(
    error: Exception, location: BucketLocation, key: str = "", waited: float = 0.0
) -> StoreError:
    """Turn a request's error into one line: which store or object, what is wrong, what to do.

    Args:
        error: What botocore raised.
        location: The bucket.
        key: The object, below the location's prefix.
        waited: Seconds for which the server was waited for.
    """
    patience = f" (waited {format_seconds(waited)})" if waited >= 1 else ""
    return StoreError(f"store {location.describe(key)}{patience}: {_explain(error)}")


def is_not_found(error: Exception) -> bool:
    """Tell whether a server says that there is no such object.

    An answer to HEAD has no body; to any other request an S3 server says so in XML, or at least numbers its
    answers, and what says 404 without either serves something else.
    """
    if error_code(error) not in _NOT_FOUND:
        return False
    return not _is_of_another_server(error)


def describe_outage(error: Exception) -> str:
    """Say in a few words why a server is waited for."""
    if isinstance(error, ClientError):
        code = error_code(error)
        return f"status {http_status(error)}" + (f" {code}" if code and not code.isdigit() else "")
    if isinstance(error, EndpointConnectionError) and "Could not resolve" in str(error.__cause__):
        return "its name is unknown"
    return next(cause for kind, cause in _OUTAGES if isinstance(error, kind))


def _is_of_another_server(error: Exception) -> bool:
    """Whether a 404 lacks what every S3 server sends."""
    return (
        isinstance(error, ClientError)
        and http_status(error) == 404
        and error_code(error) == "404"
        and not error.operation_name.startswith("Head")
        and not _response_metadata(error).get("HTTPHeaders", {}).get("x-amz-request-id")
    )


def error_code(error: Exception) -> str:
    """Return the S3 code of a refusal, such as `NoSuchKey`; "" for any other error."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def http_status(error: Exception) -> int:
    """Return the HTTP status of a refusal; 0 for any other error."""
    return int(_response_metadata(error).get("HTTPStatusCode", 0))


def _explain(error: Exception) -> str:
    if isinstance(error, ResponseParserError | NotAnS3Server) or _is_of_another_server(error):
        return "what answers there is no S3 server; check AWS_ENDPOINT_URL_S3, and what stands between"
    if isinstance(error, ClientError):
        return _explain_refusal(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if isinstance(error, SSLError):
        return "the server's certificate is not trusted; set AWS_CA_BUNDLE to your authority's file"
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError | ProxyConnectionError):
        return "the server cannot be reached; check AWS_ENDPOINT_URL_S3 and the network"
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
    if code in _NOT_FOUND:
        return "there is no such object; check that the server speaks S3"
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
