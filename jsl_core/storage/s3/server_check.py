"""What a server can do, tried before a run begins, so that trouble shows at its start and not at its end."""

import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from jsl_core.errors import StoreError
from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.storage.s3.errors import ObjectNotFound
from jsl_core.storage.s3.requests import send
from jsl_core.storage.s3.retries import with_retries

__all__ = ["AT_ONCE", "check_server"]

AT_ONCE = 1.0  # seconds of patience at the start of a command, where the address may be wrong

T = TypeVar("T")

_BODY = b"JSL tries what this server can do."


def check_server(client: Any, location: BucketLocation, seconds: float = AT_ONCE) -> None:
    """Write, read, list, copy and delete a small object.

    Args:
        client: A boto3 client.
        location: Where the object is written, below `probe/`.
        seconds: For how long a server that is away is waited for.

    Raises:
        StoreError: If one of them does not work: a store that cannot be read back is none.
    """
    key, copy_key = (f"probe/{secrets.token_hex(8)}" for _ in range(2))
    original = {"Bucket": location.bucket, "Key": location.prefix + key}
    copy = {"Bucket": location.bucket, "Key": location.prefix + copy_key}

    def attempt(operation: Callable[[], T], key: str = "") -> T:
        return with_retries(operation, location, key, seconds)

    attempt(lambda: send(client, "put_object", **original, Body=_BODY), key)
    try:
        attempt(lambda: send(client, "copy_object", **copy, CopySource=original), copy_key)
        for one in (original, copy):
            if attempt(partial(_read, client, one), key) != _BODY:
                raise StoreError(
                    f"store {location.describe(key)}: what was written there is read back otherwise; "
                    "check what stands between, or use another server"
                )
        part = attempt(lambda: _read(client, {**original, "Range": "bytes=4-8"}), key)
        query = {"Bucket": location.bucket, "Prefix": original["Key"]}
        listed = attempt(lambda: send(client, "list_objects_v2", **query).get("KeyCount", 0))
    except ObjectNotFound:
        raise StoreError(
            f"store {location.describe(key)}: what was just written is not found; JSL needs a server that "
            "shows an object as soon as it is written"
        ) from None
    finally:
        for one in (original, copy):
            with suppress(ObjectNotFound):
                attempt(partial(client.delete_object, **one), key)
    logging.getLogger(__name__).info(
        "%s: ranged reads %s, listings %s",
        location.describe(),
        "work" if part == _BODY[4:9] else "send everything",
        "are prompt" if listed else "lag",
    )


def _read(client: Any, request: dict[str, str]) -> bytes:
    data: bytes = send(client, "get_object", **request)["Body"].read()
    return data
