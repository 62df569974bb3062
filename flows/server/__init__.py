"""The Prefect server beside a run, and every patch of Prefect."""
