"""Participants of the OAI have seven digits and begin with 9; none may be named here."""

import re
from pathlib import Path

_REAL = re.compile(rb"(?<!\d)9\d{6}(?!\d)")


def test_no_test_names_a_real_participant() -> None:
    named = [
        str(path)
        for path in sorted(Path(__file__).parent.rglob("*"))
        if path.is_file() and path.suffix != ".pyc" and _REAL.search(path.read_bytes())
    ]
    assert not named
