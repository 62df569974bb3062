"""Training needs no more than a bare GPU box has."""

import subprocess
import sys

import pytest

FORBIDDEN = ["cv2", "pydicom", "gdcm", "prefect", "pandera", "captum", "matplotlib", "boto3", "fastapi"]


@pytest.mark.slow
def test_learning_imports_nothing_that_a_bare_box_lacks() -> None:
    script = f"""
import sys
for name in {FORBIDDEN}:
    sys.modules[name] = None
import jsl_core.learning, jsl_core.learning.__main__
"""
    subprocess.run([sys.executable, "-c", script], check=True)
