"""What proves a record that is read back: the digest of its key and its bytes, inside the JSON that it is.

    {"proof": "<SHA-256 of the key, a zero byte and the record's bytes>",
     "record": <the record as JSON>}

A record that was cut, of which a bit flipped, or that lies under the key of another, fails the proof.
"""

import hashlib
import json
import re
from typing import Any

__all__ = ["Unproven", "proves_itself", "seal", "seal_bytes", "unseal", "unseal_bytes", "with_proof"]

_HEAD = re.compile(rb'\{"proof": "([0-9a-f]{64})",\n "record": ')
_TAIL = b"}\n"
_MARK = b"jsl-sealed-bytes"  # before the SHA-256 of all that is before it
_DIGEST = -hashlib.sha256().digest_size
_CONTENT = _DIGEST - len(_MARK)
_FIELDS = frozenset({"proof", "record"})


class Unproven(ValueError):
    """The bytes are no record of this key, or not the ones that were written."""


def seal(key: str, value: Any) -> bytes:
    """Write a JSON value as the record of a key, with its proof."""
    text = json.dumps(value, sort_keys=True).encode()
    return b'{"proof": "%s",\n "record": %s%s' % (_proof(key, text), text, _TAIL)


def unseal(key: str, data: bytes, *, or_plain: bool = False) -> Any:
    """Read the record of a key.

    Args:
        key: The key under which it lies.
        data: Its bytes.
        or_plain: Whether JSON without any proof, as earlier versions wrote it, is returned as it is; its
            reader then checks its fields.

    Returns:
        The JSON value.

    Raises:
        Unproven: The proof fails, or there is none.
    """
    head = _HEAD.match(data)
    try:
        if head and data.endswith(_TAIL):
            text = data[head.end() : -len(_TAIL)]
            if _proof(key, text) == head[1]:
                return json.loads(text)
        elif or_plain:
            value = json.loads(data)
            if not (isinstance(value, dict) and _FIELDS & value.keys()):
                return value
    except (ValueError, RecursionError):
        pass
    raise Unproven(f"{key} is damaged")


def seal_bytes(data: bytes) -> bytes:
    """Bytes of any kind with a mark and their digest at the end."""
    return b"".join((data, _MARK, hashlib.sha256(data).digest()))


def unseal_bytes(data: bytes) -> bytes:
    """The bytes that `seal_bytes` was given. Raises Unproven."""
    content, mark, digest = data[:_CONTENT], data[_CONTENT:_DIGEST], data[_DIGEST:]
    if mark != _MARK or hashlib.sha256(content).digest() != digest:
        raise Unproven("the bytes are not those that were written")
    return content


def with_proof(record: dict[str, Any]) -> dict[str, Any]:
    """Add a field `proof` to a JSON object that people read: the digest of all its other fields."""
    return record | {"proof": _digest(record)}


def proves_itself(record: dict[str, Any]) -> bool:
    """Whether a JSON object has all its fields as `with_proof` saw them."""
    return record.get("proof") == _digest({name: record[name] for name in record if name != "proof"})


def _digest(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(json.loads(json.dumps(record)), sort_keys=True).encode()).hexdigest()


def _proof(key: str, text: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + text).hexdigest().encode()
