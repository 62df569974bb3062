"""One process of the team that `launch` starts; the first tells, a line of JSON at a time."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from torch import distributed

from jsl_core.config import TrainingSettings
from jsl_core.errors import JslError
from jsl_core.learning.regimes.train_regime import train_regime
from jsl_core.learning.regimes.trainer import EpochReport
from jsl_core.training.process_group import ProcessGroup


def main(order: str) -> None:
    """Do what the order (JSON, see `launch`) says; an error that a user can mend is told, not raised."""
    given = json.loads(order)
    paths = {name: path and Path(path) for name, path in given["paths"].items()}
    group = ProcessGroup.join()
    try:
        train_regime(
            given["regime"],
            settings=TrainingSettings.model_validate(given["settings"]),
            progress=_tell,
            group=group,
            fold=given["fold"],
            **paths,
        )
    except JslError as error:
        if group.is_main:
            print(json.dumps({"error": [type(error).__name__, str(error)]}), flush=True)
    group.wait()  # none leaves while another is still at work
    distributed.destroy_process_group()


def _tell(report: EpochReport) -> None:
    print(json.dumps(asdict(report)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
