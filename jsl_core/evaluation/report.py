"""The report: one HTML page that needs nothing but itself."""

import os
from pathlib import Path

from jsl_core.evaluation.content import ReportContent, Shown, StagedKnee, Stages

__all__ = ["ReportContent", "Shown", "StagedKnee", "Stages", "write_report"]


def write_report(content: ReportContent, path: Path) -> None:
    """Write the page: UTF-8, no request to anywhere, the same bytes for the same content."""
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    partial.write_text(f"<!doctype html><title>{content.name}</title>", encoding="utf-8")
    os.replace(partial, path)
