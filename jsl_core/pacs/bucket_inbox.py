"""A bucket where received films land."""

import threading
from functools import partial

from jsl_core.pacs.inbox import film_names
from jsl_core.storage.s3.bucket_location import BucketLocation
from jsl_core.storage.s3.client import connect
from jsl_core.storage.s3.errors import ObjectNotFound
from jsl_core.storage.s3.requests import send
from jsl_core.storage.s3.retries import with_retries

__all__ = ["BucketInbox"]


class BucketInbox:
    """The objects below a prefix of a bucket; one is there, and whole, once the server has said so."""

    def __init__(self, url: str) -> None:
        location = BucketLocation.parse(url)
        self._client = connect(location)
        self._location = BucketLocation(location.bucket, location.prefix, self._client.meta.endpoint_url)
        self._lock = threading.Lock()

    def has_room(self, size: int) -> bool:
        """Buckets have room."""
        return True

    def keep(self, uid: str, data: bytes) -> bool:
        """Keep a film; as `Inbox.keep`."""
        with self._lock:
            for name in film_names(uid, data):
                existing = self._read(name)
                if existing == data:
                    return False
                if existing is None:
                    put = partial(send, self._client, "put_object", Body=data, **self._address(name))
                    with_retries(put, self._location, name)
                    return True
        return False

    def _read(self, name: str) -> bytes | None:
        def get() -> bytes:
            content: bytes = send(self._client, "get_object", **self._address(name))["Body"].read()
            return content

        try:
            return with_retries(get, self._location, name)
        except ObjectNotFound:
            return None

    def _address(self, name: str) -> dict[str, str]:
        return {"Bucket": self._location.bucket, "Key": self._location.prefix + name}
