"""Prefect's own command line, for a server that SQLite does not bring to a halt.

python -m deployments.server server start --port 4200
"""

import runpy

from flows.server.prefect_patches import close_failed_cursors

if __name__ == "__main__":
    close_failed_cursors()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
