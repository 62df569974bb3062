"""Which bucket of which server: all that a message may tell of it."""

import re
from dataclasses import dataclass

from jsl_core.errors import StoreError

__all__ = ["Place"]

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")


@dataclass(frozen=True)
class Place:
    """A bucket, the prefix of its keys ("" or with a slash at its end), and the server's address."""

    bucket: str
    prefix: str
    endpoint: str = ""

    @classmethod
    def of(cls, url: str) -> "Place":
        """From `s3://bucket/prefix`. Raises StoreError, without repeating what may be a secret."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if "@" in bucket:
            raise StoreError(
                "store s3://…: keys have no place in a URL; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if not _BUCKET.fullmatch(bucket):
            raise StoreError(f"store s3://{bucket}: that is no bucket's name; write s3://bucket/prefix")
        prefix = prefix.strip("/")
        return cls(bucket, f"{prefix}/" if prefix else "")

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def told(self, key: str = "") -> str:
        """The place, or one object of it, for a message."""
        where = f"s3://{self.bucket}/{self.prefix}{key}" if key else self.url
        return f"{where} at {self.endpoint}"
