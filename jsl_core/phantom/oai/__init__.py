"""A synthetic release in the layout of the OAI, with every quirk of the true one and known truth."""

from jsl_core.phantom.oai.release import Index, write_oai_release

__all__ = ["Index", "write_oai_release"]
