"""New scans are found, taken exactly once, announced, and in the end trained on."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun

from jsl_core.config import PipelineSettings, PresetChoice, RetrainSettings, WatchSettings, over_preset
from jsl_core.errors import BadSettings
from jsl_core.landing import Batch, Ledger, open_landing, settled, take
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.newly import newly_labelled

__all__ = ["EVENT", "watch"]

EVENT = "jsl.scans.landed"


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
    landing = open_landing(settings.scans)
    ledger = Ledger(place.open(), landing)
    plain = settings.model_dump(mode="json", exclude_defaults=True)
    with get_client(sync_client=True) as client:
        taken = take(
            landing,
            ledger,
            settled(landing, watching.settle_seconds),
            partial(_claim, client, place, ledger, {"settings": plain, "regime": rule.regime}),
            partial(_announce, client, ledger, settings.scans),
        )
        new, versions = newly_labelled(ledger, Path(settings.cohort), rule.regime, place)
        if new >= watching.retrain_after:
            # The same labels start one retraining; should it fail, as many again start another.
            key = f"{ledger.name}:{rule.regime}:{versions}:{new // watching.retrain_after}"
            told = {"settings": plain, "rule": rule.model_dump(mode="json", exclude_defaults=True)}
            _start(client, "retrain/retrain", told, key)
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
    store, name = place.open(), f"{ledger.name}/{number:06d}"
    mine = store.put(batch.model_dump_json().encode(), "batch.json")
    run = _start(client, "intake/intake", parameters | {"batch": mine.model_dump(), "name": name}, name)
    return Batch.model_validate_json(store.get(Artifact.model_validate(run.parameters["batch"])))


def _start(client: SyncPrefectClient, deployment: str, parameters: dict[str, Any], key: str) -> FlowRun:
    """The run with that key: the server makes it only once, and that is what makes a claim atomic."""
    found = client.read_deployment_by_name(deployment)
    return client.create_flow_run_from_deployment(found.id, parameters=parameters, idempotency_key=key)


def _announce(client: SyncPrefectClient, ledger: Ledger, scans: str, number: int, batch: Batch) -> None:
    """Tell the server, at once rather than by and by; the same event twice is one to it."""
    event = {
        "id": str(uuid5(NAMESPACE_URL, f"{EVENT}/{ledger.name}/{number}")),
        "occurred": datetime.now(UTC).isoformat(),
        "event": EVENT,
        "resource": {"prefect.resource.id": f"jsl.landing.{ledger.name}", "prefect.resource.name": scans},
        "payload": {"number": number, "scans": len(batch.scans)},
    }
    client._client.post("/events", json=[event]).raise_for_status()
