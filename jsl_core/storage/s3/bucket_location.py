"""Which bucket of which server: all that a message may say about it."""

import re
from dataclasses import dataclass

from jsl_core.errors import StoreError

__all__ = ["BucketLocation"]

_BUCKET = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}"
)  # Amazon S3 User Guide, "Bucket naming rules", and older


@dataclass(frozen=True)
class BucketLocation:
    """A bucket, the prefix of its keys ("" or with a slash at its end), and the server's address."""

    bucket: str
    prefix: str
    endpoint: str = ""

    @classmethod
    def parse(cls, url: str) -> "BucketLocation":
        """Read `s3://bucket/prefix`; the server's address stays open.

        Raises:
            StoreError: If the URL names no bucket; what may be a secret is not repeated.
        """
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
        """`s3://bucket/prefix`, without a slash at its end."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def server(self) -> str:
        """The bucket and the server's address: what an outage is of."""
        return f"s3://{self.bucket} at {self.endpoint}"

    def describe(self, key: str = "") -> str:
        """URL and server of the bucket, or of one object in it, for a message."""
        url = f"s3://{self.bucket}/{self.prefix}{key}" if key else self.url
        return f"{url} at {self.endpoint}"
