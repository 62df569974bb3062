"""Requests whose answers are those of an S3 server, and of nothing else that answers."""

from typing import Any

from jsl_core.storage.s3.errors import NotAnS3Server

__all__ = ["send"]

# What every server's answer to a request has; Amazon S3 API Reference, "Response Syntax" of each action.
_REQUIRED_FIELD = {
    "head_object": "LastModified",
    "get_object": "LastModified",
    "put_object": "ETag",
    "copy_object": "CopyObjectResult",
}


def send(client: Any, name: str, **arguments: Any) -> Any:
    """Send a request, and return its answer.

    Args:
        client: A boto3 client.
        name: The client's method, such as `get_object`.
        arguments: Its own.

    Raises:
        NotAnS3Server: If the answer lacks what every S3 server's has.
    """
    answer = getattr(client, name)(**arguments)
    if name in _REQUIRED_FIELD and not answer.get(_REQUIRED_FIELD[name]):
        raise NotAnS3Server
    if name == "list_objects_v2" and answer.keys() == {"ResponseMetadata"}:
        raise NotAnS3Server
    return answer
