"""What the server does by itself: runs whose machine died go on elsewhere, and an example to copy."""

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from flows.orchestration.events import LANDED, MOST_RUNS, TAG

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

__all__ = ["EXAMPLE", "HEARTBEAT_SECONDS", "automate"]

HEARTBEAT_SECONDS = 30  # the shortest that Prefect sends
EXAMPLE = "JSL: example, when scans have landed"

_SILENCE = timedelta(seconds=3 * HEARTBEAT_SECONDS + 10)
_NEVER_STARTED = timedelta(minutes=5)  # a process that imports PyTorch on a busy machine takes a minute
_ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}


def automate(client: "SyncPrefectClient", retrain: UUID) -> None:
    """Make the automations, or set them back to what they are here; whether the example is on stays.

    `retrain` is the deployment that the example runs.
    """
    for wanted in _automations(retrain):
        there = client.read_automations_by_name(wanted.name)
        if not there:
            client.create_automation(wanted)
            continue
        on = there[0].enabled if wanted.name == EXAMPLE else True
        client.update_automation(there[0].id, wanted.model_copy(update={"enabled": on}))


def _automations(retrain: UUID) -> list["AutomationCore"]:
    from prefect.client.schemas.objects import StateType
    from prefect.events import AutomationCore, EventTrigger, Posture
    from prefect.events.actions import ChangeFlowRunState, RunDeployment

    ours = {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
    again = ChangeFlowRunState(
        state=StateType.SCHEDULED, name="AwaitingRetry", message="its process died; it goes on from there"
    )
    return [
        AutomationCore(
            name="JSL: a run that is silent has died",
            description="Its worker and its process have gone, and nobody was left to say so.",
            trigger=EventTrigger(
                after={"prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
                expect={"prefect.flow-run.heartbeat", "prefect.flow-run.AwaitingRetry", *_ENDS},
                match={"prefect.resource.id": "prefect.flow-run.*"},
                match_related=ours,
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=_SILENCE,
            ),
            actions=[
                ChangeFlowRunState(state=StateType.CRASHED, message="no heartbeat; its machine has gone")
            ],
        ),
        AutomationCore(
            name="JSL: a run that never started is given away again",
            description="Its worker took it and died before it could start it.",
            trigger=EventTrigger(
                after={"prefect.flow-run.Pending"},
                expect={"prefect.flow-run.Running", "prefect.flow-run.AwaitingRetry", *_ENDS},
                match={"prefect.resource.id": "prefect.flow-run.*"},
                match_related=ours,
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=_NEVER_STARTED,
            ),
            actions=[again],
        ),
        AutomationCore(
            name="JSL: a run that died goes on",
            description=f"What is done is cached, a training has checkpoints; {MOST_RUNS} runs in all.",
            trigger=EventTrigger(
                expect={"prefect.flow-run.Crashed"},
                match={
                    "prefect.resource.id": "prefect.flow-run.*",
                    "prefect.run-count": [str(count) for count in range(MOST_RUNS)],
                },
                match_related=ours,
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(0),
            ),
            actions=[again],
        ),
        AutomationCore(
            name=EXAMPLE,
            description="Off. Copy it for what you want to happen; this one retrains at once.",
            enabled=False,
            trigger=EventTrigger(
                expect={LANDED},
                match={"prefect.resource.id": "jsl.landing.*"},
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(0),
            ),
            actions=[RunDeployment(deployment_id=retrain)],
        ),
    ]
