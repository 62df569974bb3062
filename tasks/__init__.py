"""The stages as cached Prefect tasks, one file a stage."""
