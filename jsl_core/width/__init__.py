"""The joint space measured: margins of femur and tibia, the reference frame, and the width in it."""

from jsl_core.width.frame import Widths, measure_widths
from jsl_core.width.margins import Compartment, Margins

__all__ = ["Compartment", "Margins", "Widths", "measure_widths"]
