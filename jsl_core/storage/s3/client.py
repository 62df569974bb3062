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

__all__ = ["connect"]

_CONNECTIONS = 40  # requests at a time: two tasks with 16 each, and what runs beside them
_ATTEMPTS = 8  # with botocore's pauses that bridges some ten seconds; its default, three, bridges none
_READ_TIMEOUT = 60.0  # seconds; putting the parts of a large object together takes a server long


def connect(location: BucketLocation, attempts: int = _ATTEMPTS, read_timeout: float = _READ_TIMEOUT) -> Any:
    """Make a boto3 client, which threads may share but forked processes may not.

    Args:
        location: For messages only; the server's address comes from the environment.
        attempts: How often botocore sends a request at most.
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
        return client
    except (BotoCoreError, ValueError, OSError) as error:
        raise StoreError(
            f"store {location.url}: the AWS configuration cannot be used ({error}); check ~/.aws and AWS_*"
        ) from None
