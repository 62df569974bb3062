"""The address at which a server of this program listens: whether it is free, and how a browser finds it."""

import os
import socket

from jsl_core.errors import JslError

__all__ = ["browser_host", "check_port_is_free"]


def browser_host(host: str) -> str:
    """The name under which a browser finds what listens at an address."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def check_port_is_free(host: str, port: int) -> None:
    """Raise JslError, in one line, where nothing can listen at an address."""
    if not 0 < port < 65536:
        raise JslError(f"--port {port} is no port; give 1024 to 65535")
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise JslError(f"cannot listen at {host}:{port} ({reason}); choose another --port") from None
