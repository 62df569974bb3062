"""Where the servers of jsl up and jsl review listen."""

import socket

import pytest

from deployments.listening import browser_host, check_port_is_free
from jsl_core.errors import JslError


def test_a_port_that_is_taken_or_none_is_one_line_that_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(
            JslError, match=rf"^cannot listen at 127.0.0.1:{port} \(Address already in use\);"
        ):
            check_port_is_free("127.0.0.1", port)
    for none in (0, -1, 65536):
        with pytest.raises(JslError, match=f"^--port {none} is no port"):
            check_port_is_free("127.0.0.1", none)


def test_a_browser_finds_what_listens_at_every_address_by_this_machine_s_name() -> None:
    assert browser_host("0.0.0.0") == socket.gethostname()
    assert browser_host("::1") == "[::1]"
