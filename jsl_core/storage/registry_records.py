"""The records of the registry: versions of a line of models, and decisions about them."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_serializer
from pydantic_core.core_schema import SerializerFunctionWrapHandler

from jsl_core.storage.artifact import Artifact

__all__ = ["Action", "Decision", "Version"]

Action = Literal["promote", "keep", "rollback"]


class Version(BaseModel):
    """One registered model: its `name` within the line (`regime`) is the start of its digest."""

    model_config = ConfigDict(frozen=True)

    regime: str
    name: str
    model: Artifact
    facts: dict[str, Any]
    registered: str


class Decision(BaseModel):
    """One decision; `version` is the champion after it, or for `keep` the challenger that was refused.

    `over` is the champion before it ("" for none), `figures` the comparison or reason, `after` the name of
    the decision before it ("" for the first), `number` its position in the chain, `model` the version's, so
    that a decision protects it, too (earlier versions did not record it). Nothing depends on `when`.
    """

    model_config = ConfigDict(frozen=True)

    action: Action
    version: str
    over: str
    figures: dict[str, Any]
    after: str
    number: int
    when: str
    model: Artifact | None = None

    @model_serializer(mode="wrap")
    def _without_blank(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The fields; no `model` where there is none, so that the digests of earlier decisions stay."""
        fields: dict[str, Any] = serialise(self)
        if self.model is None:
            del fields["model"]
        return fields

    @property
    def name(self) -> str:
        """Its number and the start of its digest: the last name in order is the newest decision."""
        text = json.dumps(self.model_dump(), sort_keys=True, indent=1).encode()
        return f"{self.number:06d}-{hashlib.sha256(text).hexdigest()[:16]}"
