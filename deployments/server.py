"""Prefect's own command line, for a server that SQLite does not bring to a halt, and that shows reports.

python -m deployments.server server start --port 4200
"""

import runpy

from deployments.locked_database import queue_writes
from deployments.results import add_results
from flows.server.prefect_patches import close_failed_cursors, extend_server, ignore_current_folder

if __name__ == "__main__":
    ignore_current_folder()
    close_failed_cursors()
    extend_server(add_results)
    extend_server(queue_writes)
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
