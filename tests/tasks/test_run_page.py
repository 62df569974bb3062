"""What a run's page says of a decision, and of each scan that fell out."""

from jsl_core.storage import Artifact
from jsl_core.storage.registry import Decision
from tasks.run_page import _decision_markdown, _fallen

MODEL = Artifact.of_bytes(b"model", "jsl-joint.json")
FIGURES = {
    "figure": "AUC", "challenger": 0.7, "champion": 0.75, "difference": -0.05, "low": -0.1, "high": 0.0,
    "margin": 0.03, "knees": 60, "why": "not shown to be as good", "level": 0.95, "decisions": 2,
    "optimism": 0.01,
}  # fmt: skip


def decision(action: str, figures: dict[str, object]) -> Decision:
    return Decision.model_validate(
        {"action": action, "version": "aa11", "over": "bb22", "figures": figures, "after": "", "number": 1,
         "when": "2026-01-31T08:00:00+00:00", "model": MODEL}
    )  # fmt: skip


def test_a_first_champion_is_told_with_its_line_and_its_own_figures_and_interval() -> None:
    text = _decision_markdown(
        "jsl-joint",
        decision("promote", {"why": "the first model of its line"}),
        "AUC 0.74 [0.66–0.82], 21 of 58",
    )
    assert text.startswith("## jsl-joint: aa11 is champion now")
    assert "On this run's test knees: AUC 0.74 [0.66–0.82], 21 of 58." in text


def test_a_comparison_is_told_with_knees_difference_and_interval() -> None:
    text = _decision_markdown("kl", decision("keep", FIGURES), "")
    assert text.startswith("## kl: aa11 is not promoted")
    assert "| AUC, 60 frozen test knees | |" in text
    assert "| difference [95.0% interval] | -0.050 [-0.100, +0.000] |" in text
    assert "| champion bb22 | 0.750 |" in text


def test_a_rejected_scan_is_told_by_its_file_and_a_knee_by_its_name() -> None:
    scan = {"file": "1000004.dcm", "reason": "turned", "sentence": "it lies on its side"}
    assert _fallen("convert", scan) == {
        "file": "1000004.dcm", "knee": "", "stage": "convert", "reason": "turned",
        "why": "it lies on its side",
    }  # fmt: skip
    knee = {"file": "1000005.dcm", "ID": "1000005_2", "reason": "no_joint", "sentence": "no joint was found"}
    assert _fallen("crop", knee)["knee"] == "1000005_2"
