"""The client of a bucket's server, set up by the AWS environment and configuration files alone.

AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_DEFAULT_REGION, AWS_CA_BUNDLE, AWS_PROFILE, AWS_ACCESS_KEY_ID and
so on: whatever boto3 reads. Nothing of it is a parameter, so nothing of it is stored or shown.
"""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from jsl_core.errors import StoreError
from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.storage.s3.errors import NotAnS3Server

__all__ = ["connect"]

_CONNECTIONS = 40  # requests at a time: two tasks with 16 each, and what runs beside them
_ATTEMPTS = 3  # of one request, within seconds: a part that fails need not be the whole transfer's end
_OK, _FIRST_REDIRECT, _FIRST_ERROR = 200, 300, 400
_OF_S3 = {"x-amz-request-id", "x-amz-bucket-region"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_READ_TIMEOUT = 60.0  # seconds; putting the parts of a large object together takes a server long


def connect(location: BucketLocation, attempts: int = _ATTEMPTS, read_timeout: float = _READ_TIMEOUT) -> Any:
    """Make a boto3 client, which threads may share but forked processes may not.

    Args:
        location: For messages only; the server's address comes from the environment.
        attempts: How often botocore sends a request at most; `with_retries` waits beyond that.
        read_timeout: Seconds that a server may stay silent.

    Returns:
        The client of the S3 service.

    Raises:
        StoreError: If the AWS configuration is broken.
    """
    try:
        session = boto3.Session()
        # Most servers other than Amazon's have no name for each bucket; a configuration may say otherwise.
        style = (session._session.get_scoped_config().get("s3") or {}).get("addressing_style")
        configured_attempts = session._session.get_config_variable("max_attempts") or attempts
        config = Config(
            signature_version="s3v4",
            retries={"mode": "standard", "total_max_attempts": min(int(configured_attempts), attempts)},
            request_checksum_calculation="when_required",  # the newer trailers are unknown to many servers
            response_checksum_validation="when_required",
            max_pool_connections=_CONNECTIONS,
            connect_timeout=10,
            read_timeout=read_timeout,
            tcp_keepalive=True,
            s3={"payload_signing_enabled": True, **({"addressing_style": style} if style else {})},
        )
        client = session.client("s3", config=config, region_name=session.region_name or "us-east-1")
        if style is None and not client.meta.endpoint_url.rstrip("/").endswith(".amazonaws.com"):
            config = config.merge(Config(s3={"payload_signing_enabled": True, "addressing_style": "path"}))
            client = session.client("s3", config=config, region_name=session.region_name or "us-east-1")
        client.meta.events.register_first("needs-retry.s3.*", _refuse_other_servers)
        return client
    except (BotoCoreError, ValueError, OSError) as error:
        raise StoreError(
            f"store {location.url}: the AWS configuration cannot be used ({error}); check ~/.aws and AWS_*"
        ) from None


def _refuse_other_servers(response: Any, **_: Any) -> None:
    """Refuse an answer by which botocore would send all again, or go round in a circle.

    It takes a page for an error 500 of the server, and asks whatever redirects it for the bucket's region.

    Args:
        response: The HTTP response and what botocore read in it; None where there was no answer.

    Raises:
        NotAnS3Server: If a success comes without XML, or a redirection has neither a request's number nor a
            bucket's region.
    """
    if not response:
        return
    http, parsed = response
    if http.raw.status == _OK and "Error" in parsed and not _could_be_xml(http.content):
        raise NotAnS3Server
    names = {name.lower() for name in http.headers}
    if _FIRST_REDIRECT <= http.status_code < _FIRST_ERROR and not _OF_S3 & names:
        raise NotAnS3Server


def _could_be_xml(body: bytes) -> bool:
    """Whether a body is XML, or the beginning of such, and no page."""
    start = body.lstrip()[:20].lower()
    return start.startswith((b"<", _BYTE_ORDER_MARK)) and not start.startswith((b"<html", b"<!doctype html"))
