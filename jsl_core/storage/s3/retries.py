"""Requests to S3 sent again where that can help: which answers are transient, how often, how long."""

import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import RetriesExceededError
from urllib3.exceptions import HTTPError

from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.storage.s3.errors import (
    BROKEN_CONNECTION,
    OVERLOADED,
    NotAnS3Server,
    ObjectNotFound,
    describe_outage,
    error_code,
    http_status,
    is_not_found,
    to_store_error,
)
from jsl_core.system.patience import Patience, without_time_limit

__all__ = ["with_retries"]

T = TypeVar("T")

_REQUEST_ERRORS = (
    BotoCoreError,
    ClientError,
    HTTPError,
    ResponseParserError,
    RetriesExceededError,
    NotAnS3Server,
)
_UNREACHABLE = (EndpointConnectionError, ProxyConnectionError)
_DAMAGED_ON_THE_WAY = {"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"}
_PERMANENT_STATUS = (501, 507)  # not implemented, and full
_TOO_MANY_REQUESTS = 429
_LOST_UPLOAD = "NoSuchUpload"


def with_retries(
    operation: Callable[[], T], location: BucketLocation, key: str = "", seconds: float | None = None
) -> T:
    """Call an operation, and again after a pause while its error is transient.

    Botocore sends requests again, too, but for seconds only, nothing whose body broke, and less and less once
    its quota is used up.

    Args:
        operation: Sends a request, or several, that may be repeated.
        location: For the message.
        key: The object, below the location's prefix, for the message.
        seconds: For how long; by default as long as this process has patience. 0: once.

    Returns:
        What the operation returns.

    Raises:
        ObjectNotFound: If there is no such object.
        StoreError: If the error is permanent, or stays.
    """
    patience = Patience(location.server, seconds)
    with without_time_limit():
        while True:
            try:
                result = operation()
            except _REQUEST_ERRORS as error:
                if is_not_found(error):
                    raise ObjectNotFound(str(to_store_error(error, location, key))) from None
                pause = patience.pause_after(describe_outage(error)) if _is_transient(error) else None
                if pause is None:
                    raise to_store_error(error, location, key, patience.waited) from None
                time.sleep(pause)
            else:
                patience.succeed()
                return result


def _is_transient(error: Exception) -> bool:
    if isinstance(error, SSLError):  # a server that ends in the middle of a handshake; else a certificate
        return "EOF" in str(error)
    return (
        isinstance(error, BROKEN_CONNECTION + _UNREACHABLE)
        or (http_status(error) >= 500 and http_status(error) not in _PERMANENT_STATUS)
        or http_status(error) == _TOO_MANY_REQUESTS
        or error_code(error) in OVERLOADED | _DAMAGED_ON_THE_WAY
        or _lost_an_upload(error)
    )


def _lost_an_upload(error: Exception) -> bool:
    """Whether parts were for an upload that the server has forgotten, so that all is to be sent again."""
    return (
        isinstance(error, ClientError)
        and error_code(error) == _LOST_UPLOAD
        and not error.operation_name.startswith("Abort")
    )
