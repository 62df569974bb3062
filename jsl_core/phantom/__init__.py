"""A synthetic cohort of bilateral knee films with known truth."""

from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.cohort import write_phantom
from jsl_core.phantom.film import PhantomFilm, make_film
from jsl_core.phantom.risk import attainable_auc

__all__ = ["KneeAnatomy", "PhantomFilm", "attainable_auc", "make_film", "write_phantom"]
