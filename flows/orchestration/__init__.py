"""What flows need of Prefect beyond tasks: other pools, events, restarts."""
