"""What a model is: its network, its bundle on disk, and several of them as one."""

from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.networks import KneeNetwork, NetworkSpec

__all__ = ["KneeNetwork", "ModelBundle", "NetworkSpec"]
