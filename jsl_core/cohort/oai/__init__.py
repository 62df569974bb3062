"""From the OAI release, or another cohort's table, to the cohort table."""

from jsl_core.cohort.oai.films import Film
from jsl_core.cohort.oai.mapping import read_mapped
from jsl_core.cohort.oai.outputs import format_summary, write_cohort
from jsl_core.cohort.oai.release import read_release
from jsl_core.cohort.oai.screening import Cohort

__all__ = ["Cohort", "Film", "format_summary", "read_mapped", "read_release", "write_cohort"]
