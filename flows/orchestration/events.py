"""Names that flows and a server's automations share, so that neither imports the other."""

__all__ = ["LANDED", "MOST_RUNS", "TAG"]

LANDED = "jsl.scans.landed"  # new scans were taken; resource jsl.landing.<place>, payload: number, scans
TAG = "jsl"  # of every deployment, and so of every run that they start
MOST_RUNS = 10  # what kills its process so often has a fault of its own, such as too little memory
