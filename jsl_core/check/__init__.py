"""What would stop or thin a run, found in seconds before it begins."""

from jsl_core.check.finding import Finding
from jsl_core.check.run import check_run, raise_first

__all__ = ["Finding", "check_run", "raise_first"]
