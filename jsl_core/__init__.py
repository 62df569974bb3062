"""JSL: knee radiographs to joint-space-loss progression risk and Kellgren-Lawrence grade."""

__all__ = ["__version__"]

__version__ = "0.1.0"
