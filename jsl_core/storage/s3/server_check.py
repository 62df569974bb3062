"""What a server can do, tried before a run begins: trouble is told at its start and not at its end."""

import logging
import secrets
from functools import partial
from typing import Any

from jsl_core.errors import StoreError
from jsl_core.storage.s3.bucket_location import Place
from jsl_core.storage.s3.retries import NotFound, attempt

__all__ = ["probe"]

_BODY = b"JSL tries what this place can do."


def probe(client: Any, place: Place) -> None:
    """Write, read, list, copy and delete a small object.

    Raises StoreError if one of them does not work: a store that cannot be read back is none.
    """
    key, copied = (f"probe/{secrets.token_hex(8)}" for _ in range(2))
    where = {"Bucket": place.bucket, "Key": place.prefix + key}
    there = {"Bucket": place.bucket, "Key": place.prefix + copied}
    source = {"Bucket": place.bucket, "Key": where["Key"]}
    try:
        attempt(lambda: client.put_object(**where, Body=_BODY), place, key)
        attempt(lambda: client.copy_object(**there, CopySource=source), place, copied)
        for one in (where, there):
            if attempt(partial(_body, client, one), place, key) != _BODY:
                raise StoreError(f"store {place.told(key)}: what was written there is read back otherwise")
        part = attempt(lambda: client.get_object(**where, Range="bytes=4-8")["Body"].read(), place, key)
        listed = attempt(
            lambda: client.list_objects_v2(Bucket=place.bucket, Prefix=where["Key"]).get("KeyCount", 0), place
        )
    except NotFound:
        raise StoreError(
            f"store {place.told(key)}: what was just written is not found; JSL needs a server that "
            "shows an object as soon as it is written"
        ) from None
    finally:
        for one in (where, there):
            attempt(partial(client.delete_object, **one), place, key)
    logging.getLogger(__name__).info(
        "%s: ranged reads %s, listings %s",
        place.told(),
        "work" if part == _BODY[4:9] else "send everything",
        "are prompt" if listed else "lag",
    )


def _body(client: Any, where: dict[str, str]) -> bytes:
    data: bytes = client.get_object(**where)["Body"].read()
    return data
