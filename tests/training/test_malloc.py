"""Freed memory is used again."""

import subprocess
import sys

import pytest

FAULTS = """
import resource
from jsl_core.training.malloc import keep_freed_memory
{call}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
b"x" * (1 << 26)
before = faults()
for _ in range(10):
    b"x" * (1 << 26)
print(faults() - before)
"""


def faults(call: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS.format(call=call)], capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(
    sys.platform != "linux", reason="counts the page faults of Linux; other systems are left as they are"
)
def test_a_block_that_was_freed_is_not_mapped_anew() -> None:
    assert faults("keep_freed_memory()") < 0.1 * faults("")
