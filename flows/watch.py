"""New scans are found, taken exactly once, announced, and in the end trained on."""

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client

from flows.orchestration.crash_recovery import revive_forgotten
from flows.orchestration.events import LANDED
from flows.orchestration.retrain_trigger import retrain_if_due, start_once
from jsl_core.config import PipelineSettings, PresetChoice, RetrainSettings, WatchSettings, over_preset
from jsl_core.errors import BadSettings
from jsl_core.landing import Batch, Ledger, open_landing, settled, take
from jsl_core.storage import Artifact
from tasks.caching import Placement

__all__ = ["watch"]


@flow(name="watch", persist_result=False)
def watch(
    settings: PipelineSettings,
    preset: PresetChoice = "none",
    watching: WatchSettings = WatchSettings(),
    rule: RetrainSettings = RetrainSettings(),
) -> int:
    """Start an intake for the scans that have landed, and a retraining if enough labels have come.

    Args:
        settings: Where scans land, the table that their labels come from, and how the stages treat them.
        preset: A recipe for all settings; what you change from its default goes before it.
        watching: What is done about scans that land.
        rule: Which model is kept up to date, and when a new one takes its place.
    """
    settings = over_preset(settings, preset)
    if not settings.scans or not settings.cohort:
        raise BadSettings("scans or cohort is empty; give the folder where scans land, and the cohort table")
    place = Placement.of(settings)
    landing = open_landing(settings.scans, place.folder())
    ledger = Ledger(place.open(), landing)
    parts = {"settings": settings, "watching": watching, "rule": rule}
    told = {name: part.model_dump(mode="json", exclude_defaults=True) for name, part in parts.items()}
    with get_client(sync_client=True) as client:
        revive_forgotten(client)
        taken = take(
            landing,
            ledger,
            settled(landing, watching.settle_seconds),
            partial(_claim, client, place, ledger, told),
            partial(_announce, client, ledger, settings.scans),
        )
        # Labels come into the table at any time; those of scans that land now are counted by their intake.
        retrain_if_due(client, ledger, settings, watching, rule)
    return len(taken)


def _claim(
    client: SyncPrefectClient,
    place: Placement,
    ledger: Ledger,
    parameters: dict[str, Any],
    number: int,
    batch: Batch,
) -> Batch:
    """Start the intake of a batch; the batch with which it was started, if another watcher was quicker."""
    store = place.open()
    mine = store.put(batch.model_dump_json().encode(), "batch.json")
    given = parameters | {"batch": mine.model_dump(), "number": number}
    run = start_once(client, "intake/intake", given, f"{ledger.name}/{number:06d}")
    return Batch.model_validate_json(store.get(Artifact.model_validate(run.parameters["batch"])))


def _announce(client: SyncPrefectClient, ledger: Ledger, scans: str, number: int, batch: Batch) -> None:
    """Tell the server, at once rather than by and by; the same event twice is one to it."""
    event = {
        "id": str(uuid5(NAMESPACE_URL, f"{LANDED}/{ledger.name}/{number}")),
        "occurred": datetime.now(UTC).isoformat(),
        "event": LANDED,
        "resource": {"prefect.resource.id": f"jsl.landing.{ledger.name}", "prefect.resource.name": scans},
        "payload": {"number": number, "scans": len(batch.scans)},
    }
    client._client.post("/events", json=[event]).raise_for_status()
