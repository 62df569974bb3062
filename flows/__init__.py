"""Prefect flows, each a file that reads as its steps, and the command `jsl`."""
