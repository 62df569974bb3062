"""The names of the events that JSL tells Prefect, for automations to wait for."""

__all__ = ["LANDED"]

LANDED = "jsl.scans.landed"  # new scans were taken; resource jsl.landing.<place>, payload: number, scans
