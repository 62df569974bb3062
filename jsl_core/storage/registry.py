"""The model registry: versions of a named line of models, and which of them is the champion.

Everything is a JSON record that is written once, in two places. A decision names the one it was made after,
so that the decisions of a line form a chain; the newest of the longest chain says which is champion. Two
writers who decide at the same moment both write, all readers agree on the same one of the two, and the
other's writer gets an error. That needs neither a conditional write nor a clock, only that writing a key is
atomic.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.interface import Store
from jsl_core.storage.kept_twice import COPIES, Damaged, copy_key, read_record, write_record
from jsl_core.storage.memo import artifacts_in
from jsl_core.storage.proof import Unproven, seal, unseal
from jsl_core.storage.registry_records import Action, Decision, Version
from jsl_core.storage.tree import missing_files

__all__ = ["Decision", "Overtaken", "Registry", "Version", "read_frozen_test"]

R = TypeVar("R", Version, Decision)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[0-9a-f]{12}")
_DECISION = re.compile(r"\d{6,}-[0-9a-f]{16}")


class Overtaken(StoreError):
    """The champion is no longer the one that the challenger was compared with."""


class Registry:
    """The lines of models in a store, below `registry/`."""

    def __init__(self, store: Store) -> None:
        """Read and write the registry of this store."""
        self._store = store

    def regimes(self) -> list[str]:
        """List the lines that have a version, sorted."""
        names = {key.split("/")[1] for key in self._store.keys("registry") if "/versions/" in key}
        return sorted(name for name in names if _NAME.fullmatch(name))

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
        try:
            if registered := self._version(regime, model.sha256[:12]):
                return registered
        except Damaged:  # made again by this
            pass
        if not self._store.has(model):
            raise StoreError(
                f"store {self._store.url}: {model.name} ({model.key}) is missing; train it again"
            )
        version = Version(
            regime=regime, name=model.sha256[:12], model=model, facts=dict(facts), registered=_now()
        )
        write_record(
            self._store, self._key(regime, "versions", version.name), version.model_dump(mode="json")
        )
        return version

    def versions(self, regime: str) -> list[Version]:
        """List all versions of a line in the order of their registration."""
        versions = [self._version(regime, name) for name in self._version_names(regime)]
        return sorted((one for one in versions if one), key=lambda one: (one.registered, one.name))

    def find(self, regime: str, prefix: str) -> Version:
        """Find the version whose name begins with `prefix`.

        Raises:
            StoreError: If not exactly one does; the message has the names there are.
        """
        names = self._version_names(regime)
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
            StoreError: If there is no such version, or its model is not whole in the store.
        """
        return self._decide("promote", self._find_whole(regime, version), figures, over)

    def keep(
        self, regime: str, version: str, figures: Mapping[str, Any], *, over: str | None = None
    ) -> Decision:
        """Record that a challenger was compared and refused; arguments and errors are those of `promote`."""
        return self._decide("keep", self.find(regime, version), figures, over)

    def rollback(self, regime: str, why: str) -> Decision:
        """Return to the champion before the present one.

        Raises:
            StoreError: If there was none, or its model is not whole in the store any more.
        """
        champions = _champions(self.history(regime))
        if len(champions) < 2:
            raise StoreError(
                f"store {self._store.url}: {regime} has no earlier champion to return to; promote a version"
            )
        return self._decide("rollback", self._find_whole(regime, champions[-2]), {"why": why}, champions[-1])

    def frozen_test(self, regime: str) -> frozenset[str] | None:
        """Read the participants on whom the models of a line are compared; errors as `read_frozen_test`."""
        return read_frozen_test(self._store, self.frozen_test_key(regime))

    def freeze_test(self, regime: str, participants: Collection[str]) -> None:
        """Record the participants on whom the models of a line are compared, one at least."""
        write_record(self._store, self.frozen_test_key(regime), sorted(participants))

    def frozen_test_key(self, regime: str) -> str:
        """Where the frozen test part of a line lies."""
        return f"{self._key(regime, 'frozen-test')}.json"

    def history(self, regime: str) -> list[Decision]:
        """List the decisions that count, oldest first."""
        names = self._decision_names(regime)
        return self._chain(regime, names[-1]) if names else []

    def overtaken(self, regime: str) -> list[Decision]:
        """List decisions that were written but do not count, as another writer's came first."""
        counted = {decision.name for decision in self.history(regime)}
        return [self._decision(regime, name) for name in self._decision_names(regime) if name not in counted]

    def protected(self) -> tuple[list[Artifact], list[str]]:
        """Find all artifacts that versions and decisions name, and the keys of records that are damaged."""
        keys = {key.removeprefix(f"{COPIES}/") for key in self._store.keys(f"{COPIES}/registry")}
        artifacts: list[Artifact] = []
        unreadable: list[str] = []
        for key in sorted(keys | set(self._store.keys("registry"))):
            try:
                artifacts += artifacts_in(self._read_either(key))
            except (StoreError, ValueError):
                if not key.endswith("/newest.txt"):  # the listing says the same
                    unreadable.append(key)
        return artifacts, unreadable

    def _read_either(self, key: str) -> Any:
        """A record, or its copy where that is all there is. Raises ValueError or StoreError."""
        parse = next((each for kind, each in _PARSERS.items() if f"/{kind}" in key), _any_value)
        value = read_record(self._store, key, parse)
        if value is None:
            value = parse(unseal(key, self._store.read(copy_key(key)) or b""))
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value

    def _decide(
        self, action: Action, version: Version, figures: Mapping[str, Any], over: str | None
    ) -> Decision:
        regime = version.regime
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
                version=version.name,
                over=champion,
                figures=dict(figures),
                after=history[-1].name if history else "",
                number=len(history) + 1,
                when=_now(),
                model=version.model,
            )
            write_record(
                self._store, self._key(regime, "decisions", decision.name), decision.model_dump(mode="json")
            )
            newest = max([decision.name, *self._decision_names(regime)])
            self._store.write(self._newest_key(regime), seal(self._newest_key(regime), newest))
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
        names = {key.rpartition("/")[2].removesuffix(".json") for key in keys}
        return sorted({name for name in names if _DECISION.fullmatch(name)} | self._newest(regime))

    def _newest(self, regime: str) -> set[str]:
        """What the record of the newest decision says; nothing where it is damaged: the listing has it."""
        key = self._newest_key(regime)
        data = self._store.read(key)
        try:
            newest = None if data is None else unseal(key, data)
        except Unproven:  # an earlier version wrote the bare name
            newest = (data or b"").decode(errors="replace")
            if _is_decision(newest) and self._store.read(self._key(regime, "decisions", newest)) is None:
                return set()
        return {str(newest)} if _is_decision(newest) else set()

    def _newest_key(self, regime: str) -> str:
        return self._key(regime, "newest") + ".txt"

    def _decision(self, regime: str, name: str) -> Decision:
        key = self._key(regime, "decisions", name)
        decision = read_record(self._store, key, lambda value: _named(Decision.model_validate(value), name))
        if decision is None:
            raise StoreError(f"store {self._store.url}: {key} is missing; restore it from a backup")
        return decision

    def _version(self, regime: str, name: str) -> Version | None:
        def parse(value: Any) -> Version:
            version = _named(Version.model_validate(value), name)
            if version.regime != regime or not version.model.sha256.startswith(name):
                raise ValueError(f"no version {name} of {regime}")
            return version

        return read_record(self._store, self._key(regime, "versions", name), parse)

    def _version_names(self, regime: str) -> list[str]:
        keys = self._store.keys(self._key(regime, "versions"))
        names = [key.rpartition("/")[2].removesuffix(".json") for key in keys]
        return [name for name in names if _VERSION.fullmatch(name)]

    def _find_whole(self, regime: str, prefix: str) -> Version:
        """Find a version, whose model must be whole in the store."""
        version = self.find(regime, prefix)
        if absent := missing_files(self._store, version.model):
            raise StoreError(
                f"store {self._store.url}: {absent[0].name} of version {version.name} of {regime} "
                f"({absent[0].key}) is missing; restore it from a backup, or choose another version"
            )
        return version

    def _key(self, regime: str, kind: str, name: str = "") -> str:
        if not _NAME.fullmatch(regime):
            raise StoreError(f"{regime!r} is no name for a line of models; use letters, digits, '-' and '.'")
        return f"registry/{regime}/{kind}" + (f"/{name}.json" if name else "")


def read_frozen_test(store: Store, key: str) -> frozenset[str] | None:
    """Read the participants that `Registry.freeze_test` recorded; None before they are chosen.

    Raises:
        StoreError: If they were chosen and cannot be read: nobody may choose others.
    """
    return read_record(store, key, _participants)


def _participants(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError("no list of participants")
    return frozenset(value)


def _named(record: R, name: str) -> R:
    """A record if that is its name. Raises ValueError."""
    if record.name != name:
        raise ValueError(f"not {name}")
    return record


def _any_value(value: Any) -> Any:
    return value


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "versions/": Version.model_validate,
    "decisions/": Decision.model_validate,
    "frozen-test.json": lambda value: sorted(_participants(value)),
}


def _champions(history: list[Decision]) -> list[str]:
    """Names of the champions one after another; a rollback drops the last one."""
    champions: list[str] = []
    for decision in history:
        if decision.action == "promote":
            champions.append(decision.version)
        elif decision.action == "rollback" and champions:
            champions.pop()
    return champions


def _is_decision(name: object) -> bool:
    return isinstance(name, str) and bool(_DECISION.fullmatch(name))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
