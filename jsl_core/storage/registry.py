"""The model registry: versions of a named line of models, and which of them is the champion.

Everything is a JSON record that is written once. A decision names the one it was made after, so that the
decisions of a line form a chain; the newest of the longest chain says which is champion. Two writers who
decide at the same moment both write, all readers agree on the same one of the two, and the other's writer
gets an error. That needs neither a conditional write nor a clock, only that writing a key is atomic.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.interface import Store

__all__ = ["Decision", "Overtaken", "Registry", "Version"]

Action = Literal["promote", "keep", "rollback"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Overtaken(StoreError):
    """The champion is no longer the one that the challenger was compared with."""


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
    the decision before it ("" for the first), `number` its position in the chain. Nothing depends on `when`.
    """

    model_config = ConfigDict(frozen=True)

    action: Action
    version: str
    over: str
    figures: dict[str, Any]
    after: str
    number: int
    when: str

    def _to_bytes(self) -> bytes:
        return json.dumps(self.model_dump(), sort_keys=True, indent=1).encode()

    @property
    def name(self) -> str:
        """Its number and the start of its digest: the last name in order is the newest decision."""
        return f"{self.number:06d}-{hashlib.sha256(self._to_bytes()).hexdigest()[:16]}"


class Registry:
    """The lines of models in a store, below `registry/`."""

    def __init__(self, store: Store) -> None:
        """Read and write the registry of this store."""
        self._store = store

    def regimes(self) -> list[str]:
        """List the lines that have a version, sorted."""
        return sorted({key.split("/")[1] for key in self._store.keys("registry") if "/versions/" in key})

    def register(self, regime: str, model: Artifact, facts: Mapping[str, Any]) -> Version:
        """Make a model a version of a line; registering it again returns the version it has.

        Args:
            regime: The name of the line.
            model: The tree of a bundle, which must be in the store.
            facts: JSON, for people and for later comparisons.

        Returns:
            The version.

        Raises:
            StoreError: If the model is not in the store, or the line's name cannot be one.
        """
        registered = self._version(regime, model.sha256[:12])
        if registered:
            return registered
        if not self._store.has(model):
            raise StoreError(
                f"store {self._store.url}: {model.name} ({model.key}) is missing; train it again"
            )
        version = Version(
            regime=regime, name=model.sha256[:12], model=model, facts=dict(facts), registered=_now()
        )
        record = json.dumps(version.model_dump(), sort_keys=True, indent=1)
        self._store.write(self._key(regime, "versions", version.name), record.encode())
        return version

    def versions(self, regime: str) -> list[Version]:
        """List all versions of a line in the order of their registration."""
        keys = self._store.keys(self._key(regime, "versions"))
        versions = [self._version(regime, key.rpartition("/")[2].removesuffix(".json")) for key in keys]
        return sorted((one for one in versions if one), key=lambda one: (one.registered, one.name))

    def find(self, regime: str, prefix: str) -> Version:
        """Find the version whose name begins with `prefix`.

        Raises:
            StoreError: If not exactly one does; the message has the names there are.
        """
        names = [version.name for version in self.versions(regime)]
        matches = [name for name in names if name.startswith(prefix)] if prefix else []
        version = self._version(regime, matches[0]) if len(matches) == 1 else None
        if version is None:
            known = ", ".join(names) or "none yet"
            raise StoreError(
                f"store {self._store.url}: no one version {prefix!r} of {regime}; there are: {known}"
            )
        return version

    def champion(self, regime: str) -> Version | None:
        """Return the version in use, or None before the first promotion."""
        champions = _champions(self.history(regime))
        return self.find(regime, champions[-1]) if champions else None

    def promote(
        self, regime: str, version: str, figures: Mapping[str, Any], *, over: str | None = None
    ) -> Decision:
        """Make a version the champion.

        Args:
            regime: The name of the line.
            version: The version's name, or how it begins.
            figures: JSON: why.
            over: Promote only if this version is champion still ("" for none); None: over any.

        Returns:
            The decision.

        Raises:
            Overtaken: If `over` is not the champion any more.
            StoreError: If there is no such version.
        """
        return self._decide("promote", regime, self.find(regime, version).name, figures, over)

    def keep(
        self, regime: str, version: str, figures: Mapping[str, Any], *, over: str | None = None
    ) -> Decision:
        """Record that a challenger was compared and refused; arguments and errors are those of `promote`."""
        return self._decide("keep", regime, self.find(regime, version).name, figures, over)

    def rollback(self, regime: str, why: str) -> Decision:
        """Return to the champion before the present one.

        Raises:
            StoreError: If there was none.
        """
        champions = _champions(self.history(regime))
        if len(champions) < 2:
            raise StoreError(
                f"store {self._store.url}: {regime} has no earlier champion to return to; promote a version"
            )
        return self._decide("rollback", regime, champions[-2], {"why": why}, champions[-1])

    def history(self, regime: str) -> list[Decision]:
        """List the decisions that count, oldest first."""
        names = self._decision_names(regime)
        return self._chain(regime, names[-1]) if names else []

    def overtaken(self, regime: str) -> list[Decision]:
        """List decisions that were written but do not count, as another writer's came first."""
        counted = {decision.name for decision in self.history(regime)}
        return [self._decision(regime, name) for name in self._decision_names(regime) if name not in counted]

    def _decide(
        self, action: Action, regime: str, version: str, figures: Mapping[str, Any], over: str | None
    ) -> Decision:
        while True:  # a round fails only if another writer's succeeded, so this ends
            history = self.history(regime)
            champions = _champions(history)
            champion = champions[-1] if champions else ""
            if over is not None and champion != over:
                raise Overtaken(
                    f"store {self._store.url}: the champion of {regime} is {champion or 'none'}, not "
                    f"{over or 'none'} any more; compare with that one, then decide again"
                )
            decision = Decision(
                action=action,
                version=version,
                over=champion,
                figures=dict(figures),
                after=history[-1].name if history else "",
                number=len(history) + 1,
                when=_now(),
            )
            self._store.write(self._key(regime, "decisions", decision.name), decision._to_bytes())
            newest = max([decision.name, *self._decision_names(regime)])
            self._store.write(self._newest_key(regime), newest.encode())
            if decision in self._chain(regime, newest):
                return decision

    def _chain(self, regime: str, newest: str) -> list[Decision]:
        chain: list[Decision] = []
        while newest:
            chain.append(self._decision(regime, newest))
            newest = chain[-1].after
        return chain[::-1]

    def _decision_names(self, regime: str) -> list[str]:
        """The names of all decisions in order; a listing may lag, so the newest has a record of its own."""
        keys = self._store.keys(self._key(regime, "decisions"))
        newest = self._store.read(self._newest_key(regime))
        names = {key.rpartition("/")[2].removesuffix(".json") for key in keys}
        return sorted(names | ({newest.decode()} if newest else set()))

    def _newest_key(self, regime: str) -> str:
        return self._key(regime, "newest") + ".txt"

    def _decision(self, regime: str, name: str) -> Decision:
        key = self._key(regime, "decisions", name)
        data = self._store.read(key)
        decision = Decision.model_validate_json(data) if data else None
        if decision is None or decision.name != name:
            state = "damaged" if decision else "missing"
            raise StoreError(
                f"store {self._store.url}: {key} is {state}; restore it from a copy of the store"
            )
        return decision

    def _version(self, regime: str, name: str) -> Version | None:
        data = self._store.read(self._key(regime, "versions", name))
        return Version.model_validate_json(data) if data else None

    def _key(self, regime: str, kind: str, name: str = "") -> str:
        if not _NAME.fullmatch(regime):
            raise StoreError(f"{regime!r} is no name for a line of models; use letters, digits, '-' and '.'")
        return f"registry/{regime}/{kind}" + (f"/{name}.json" if name else "")


def _champions(history: list[Decision]) -> list[str]:
    """Names of the champions one after another; a rollback drops the last one."""
    champions: list[str] = []
    for decision in history:
        if decision.action == "promote":
            champions.append(decision.version)
        elif decision.action == "rollback":
            champions.pop()
    return champions


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
