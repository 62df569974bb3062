"""Requests to S3 sent again where that can help: which answers are transient, how often, how long."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import RetriesExceededError
from urllib3.exceptions import HTTPError

from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.storage.s3.errors import (
    BROKEN_CONNECTION,
    OVERLOADED,
    NotAnS3Server,
    ObjectNotFound,
    error_code,
    http_status,
    to_store_error,
)

__all__ = ["with_retries"]

T = TypeVar("T")

_PAUSES = (0.2, 1.0, 4.0)  # seconds, after botocore's own attempts: it sends nothing again for a broken body
_GIVE_UP_AFTER = 120.0  # seconds: each attempt at a silent server takes minutes
_REQUEST_ERRORS = (
    BotoCoreError,
    ClientError,
    HTTPError,
    ResponseParserError,
    RetriesExceededError,
    NotAnS3Server,
)
_NOT_FOUND = {"NoSuchKey", "404", "NotFound"}
_DAMAGED_ON_THE_WAY = {"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"}
_PERMANENT_STATUS = (501, 507)  # not implemented, and full


def with_retries(operation: Callable[[], T], location: BucketLocation, key: str = "") -> T:
    """Call an operation, and again after a pause while its error is transient.

    Args:
        operation: Sends a request, or several, that may be repeated.
        location: For the message.
        key: The object, below the location's prefix, for the message.

    Returns:
        What the operation returns.

    Raises:
        ObjectNotFound: If there is no such object.
        StoreError: If the error is permanent, or stays.
    """
    started = time.monotonic()
    for pause in (*_PAUSES, None):
        try:
            return operation()
        except _REQUEST_ERRORS as error:
            if error_code(error) in _NOT_FOUND:
                raise ObjectNotFound from None
            if pause is None or not _is_transient(error) or time.monotonic() - started > _GIVE_UP_AFTER:
                raise to_store_error(error, location, key) from None
            time.sleep(pause * random.uniform(0.5, 1.5))
    raise AssertionError("the last round returns or raises")


def _is_transient(error: Exception) -> bool:
    return (
        isinstance(error, BROKEN_CONNECTION)
        or (http_status(error) >= 500 and http_status(error) not in _PERMANENT_STATUS)
        or error_code(error) in OVERLOADED | _DAMAGED_ON_THE_WAY
    )
