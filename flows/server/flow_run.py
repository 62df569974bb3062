"""Prefect's engine for one flow run, in a process that waits for a server that is away.

python -P -m flows.server.flow_run
"""

import runpy

from flows.server.prefect_patches import ignore_current_folder, wait_for_server

if __name__ == "__main__":
    ignore_current_folder()
    wait_for_server()  # which has just handed this run out
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
