"""What flows need of Prefect beyond tasks: runs on other pools, events, crash recovery, task runners."""
