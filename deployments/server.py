"""Prefect's own command line, for a server that SQLite does not bring to a halt, and that shows reports.

python -m deployments.server server start --port 4200
"""

import runpy

from deployments.results import add_results
from flows.server.prefect_patches import close_failed_cursors, extend_server

if __name__ == "__main__":
    close_failed_cursors()
    extend_server(add_results)
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
