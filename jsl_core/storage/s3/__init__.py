"""A store in a bucket of any S3-compatible server."""

from jsl_core.storage.s3.store import S3Store

__all__ = ["S3Store"]
