"""One regime on all GPUs that this process sees: in processes that torchrun starts, or in this one alone."""

import json
import subprocess
import sys

import torch

from jsl_core import errors
from jsl_core.learning.regimes.job import TrainingJob
from jsl_core.learning.regimes.train_regime import train_regime
from jsl_core.learning.regimes.trainer import EpochReport, Progress
from jsl_core.system.isolation import isolate_children

__all__ = ["train_on_all_gpus"]

_GRACE_SECONDS = 10


def train_on_all_gpus(job: TrainingJob, progress: Progress | None = None, processes: int = 0) -> None:
    """Do `train_regime` in as many processes as there are GPUs; what it raises is raised here.

    `CUDA_VISIBLE_DEVICES` says which GPUs there are. Should this process die, the others end after their
    epoch, as no one reads their reports.

    Args:
        job: The training.
        progress: Called with the report of every epoch.
        processes: How many; 0 for one a GPU.

    Raises:
        JslError: As `train_regime` does, or where a process died.
    """
    processes = processes or (1 if job.settings.device == "cpu" else torch.cuda.device_count())
    if processes < 2:
        train_regime(job, progress)
        return
    # Imported here: `-m` warns of a module that its package has already imported.
    from jsl_core.learning.regimes import ddp_worker

    isolate_children()  # and those that torchrun starts
    torchrun = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    workers = subprocess.Popen(
        [sys.executable, "-m", *torchrun, "-m", ddp_worker.__name__, job.to_json()],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert workers.stdout is not None
        for line in workers.stdout:
            if not line.startswith("{"):  # a library's greeting
                sys.stderr.write(line)
                continue
            message = json.loads(line)
            if "error" in message:
                kind, sentence = message["error"]
                raise getattr(errors, kind)(sentence)
            if progress is not None:
                progress(EpochReport(**message))
        if code := workers.wait():
            raise errors.JslError(
                f"training {job.regime} on {processes} GPUs ended with code {code}; see the output above"
            )
    finally:
        _end(workers)


def _end(workers: "subprocess.Popen[str]") -> None:
    if workers.poll() is None:
        workers.terminate()
        try:
            workers.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            workers.kill()
            workers.wait()
    if workers.stdout is not None:
        workers.stdout.close()
