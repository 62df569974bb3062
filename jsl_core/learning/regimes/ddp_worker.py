"""One process of the group that `launch` starts; the main one reports, a line of JSON at a time."""

import json
import sys
from dataclasses import asdict

from torch import distributed

from jsl_core.errors import JslError
from jsl_core.learning.regimes.job import TrainingJob
from jsl_core.learning.regimes.train_regime import train_regime
from jsl_core.learning.regimes.trainer import EpochReport
from jsl_core.training.process_group import ProcessGroup


def main(job: str) -> None:
    """Do a `TrainingJob` (as JSON); an error that a user can mend is a line of output, not a traceback."""
    group = ProcessGroup.join()
    try:
        train_regime(TrainingJob.from_json(job), _print_report, group)
    except JslError as error:
        if group.is_main:
            print(json.dumps({"error": [type(error).__name__, str(error)]}), flush=True)
    group.wait()  # none leaves while another is still at work
    distributed.destroy_process_group()


def _print_report(report: EpochReport) -> None:
    print(json.dumps(asdict(report)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
