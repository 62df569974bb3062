"""What a server can do, tried before a run begins, so that trouble shows at its start and not at its end."""

import logging
import secrets
from functools import partial
from typing import Any

from jsl_core.errors import StoreError
from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.storage.s3.errors import ObjectNotFound
from jsl_core.storage.s3.retries import with_retries

__all__ = ["check_server"]

_BODY = b"JSL tries what this server can do."


def check_server(client: Any, location: BucketLocation) -> None:
    """Write, read, list, copy and delete a small object.

    Args:
        client: A boto3 client.
        location: Where the object is written, below `probe/`.

    Raises:
        StoreError: If one of them does not work: a store that cannot be read back is none.
    """
    key, copy_key = (f"probe/{secrets.token_hex(8)}" for _ in range(2))
    original = {"Bucket": location.bucket, "Key": location.prefix + key}
    copy = {"Bucket": location.bucket, "Key": location.prefix + copy_key}
    try:
        with_retries(lambda: client.put_object(**original, Body=_BODY), location, key)
        with_retries(lambda: client.copy_object(**copy, CopySource=original), location, copy_key)
        for one in (original, copy):
            if with_retries(partial(_read, client, one), location, key) != _BODY:
                raise StoreError(
                    f"store {location.describe(key)}: what was written there is read back otherwise; "
                    "check what stands between, or use another server"
                )
        part = with_retries(lambda: _read(client, {**original, "Range": "bytes=4-8"}), location, key)
        listed = with_retries(
            lambda: client.list_objects_v2(Bucket=location.bucket, Prefix=original["Key"]).get("KeyCount", 0),
            location,
        )
    except ObjectNotFound:
        raise StoreError(
            f"store {location.describe(key)}: what was just written is not found; JSL needs a server that "
            "shows an object as soon as it is written"
        ) from None
    finally:
        for one in (original, copy):
            with_retries(partial(client.delete_object, **one), location, key)
    logging.getLogger(__name__).info(
        "%s: ranged reads %s, listings %s",
        location.describe(),
        "work" if part == _BODY[4:9] else "send everything",
        "are prompt" if listed else "lag",
    )


def _read(client: Any, request: dict[str, str]) -> bytes:
    data: bytes = client.get_object(**request)["Body"].read()
    return data
