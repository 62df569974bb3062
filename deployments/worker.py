"""Prefect's own command line, for a process worker whose flow runs start a second sooner.

python -m deployments.worker worker start --pool cpu --type process
"""

import runpy

from flows.server.prefect_patches import ignore_current_folder, start_flow_runs_directly

if __name__ == "__main__":
    ignore_current_folder()
    start_flow_runs_directly()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
