"""The command `jsl`."""
