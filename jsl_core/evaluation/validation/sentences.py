"""What an external validation found, and what speaks against it, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsl_core.evaluation.report.tables import format_interval
from jsl_core.evaluation.validation.tables import each_target

__all__ = ["describe_case_mix", "describe_doubts", "describe_target"]

Figures = Mapping[str, Any]

_ENOUGH = 100  # knees of either outcome (Collins, Ogundimu and Altman, Statistics in Medicine 35 (2016) 214)
_ALIKE, _UNLIKE = 0.6, 0.8  # of the membership AUC: our words for Debray's "similar" and "different"


def describe_target(model: str, title: str, part: Figures) -> str:
    """Say how a model does here, as one sentence or two."""
    own = part["versions"]["as it is"]
    text = (
        f"{model}, {title[0].lower()}{title[1:]}: AUC {format_interval(own['auc'], 3)} on {part['n']:,} "
        f"knees of {part['participants']:,} participants, {part['events']:,} with the outcome; "
        f"{_describe_level(own['observed_to_expected'])}, {_describe_slope(own['slope'])}."
    )
    mended = part["versions"]["slope"]
    if "reason" in mended:
        return text
    return (
        f"{text} With intercept and slope fitted to other participants of this cohort the Brier score goes "
        f"from {own['brier']['value']:.3f} to {mended['brier']['value']:.3f}."
    )


def _describe_level(ratio: Figures) -> str:
    if ratio["value"] is None:
        return "it expects no knee with the outcome"
    if ratio["low"] is None:
        return f"observed to expected {ratio['value']:.2f}"
    text = f"observed to expected {format_interval(ratio)}"
    if ratio["low"] > 1:
        return f"its risks are too low ({text})"
    if ratio["high"] < 1:
        return f"its risks are too high ({text})"
    return f"its risks are right on average ({text})"


def _describe_slope(slope: Figures) -> str:
    if slope["value"] is None:
        return "and the slope of its calibration cannot be told"
    text = f"calibration slope {format_interval(slope)}"
    if slope["high"] is not None and slope["high"] < 1:
        return f"too extreme ({text})"
    if slope["low"] is not None and slope["low"] > 1:
        return f"not extreme enough ({text})"
    return text


def describe_case_mix(part: Figures) -> str:
    """Say how alike the two samples are, and what that means for the AUC."""
    mix = part["case_mix"]
    if "reason" in mix:
        return f"Case mix: not compared, as {mix['reason']}."
    value = mix["membership"]["value"]
    kind = (
        "much alike: what is tested is whether the figures are reproduced"
        if value < _ALIKE
        else "very unlike: what is tested is whether the model can be carried to other knees"
        if value >= _UNLIKE
        else "somewhat unlike: both reproducibility and transportability are tested"
    )
    text = (
        f"A membership model tells these knees from {mix['n']:,} of the development ({mix['source']}) with "
        f"an AUC of {format_interval(mix['membership'], 3)}; the two samples are {kind}."
    )
    if "spread" not in mix:
        return f"{text} The predictions of the development's knees are not known, nor so their spread."
    own, here = mix["spread"]["development"], mix["spread"]["validation"]
    spread = "wider, which makes ranking easier" if here > own else "narrower, which makes ranking harder"
    return (
        f"{text} The linear predictor has a standard deviation of {here:.2f} here and of {own:.2f} there: "
        f"{spread}."
    )


def describe_doubts(figures: Figures) -> Iterator[tuple[str, str]]:
    """Yield what speaks against the figures: of which model, and what."""
    known = figures["known"]
    if not known["training_known"]:
        yield (
            "Whom it learned from",
            ("a model does not say whom it was trained on, and may have learned from these participants"),
        )
    if known["participants"] and known["choice"] == "other-people":
        yield (
            "Numbers",
            (
                f"{known['participants']} participants have numbers that a model learned from; it was said "
                "that they are other people"
            ),
        )
    progression = any(title == "Progression" for _, title, _ in each_target(figures))
    if progression and figures["outcome"] and figures["outcome"] != figures["predicted_outcome"]:
        yield (
            "Outcome",
            (f"here it is {figures['outcome']}; the models predict {figures['predicted_outcome']}"),
        )
    for model, title, part in each_target(figures):
        if "reason" in part:
            yield f"{model} · {title}", f"not validated: {part['reason']}"
            continue
        least = min(part["events"], part["n"] - part["events"])
        if least < _ENOUGH:
            yield (
                f"{model} · {title}",
                f"{least} knees of the rarer outcome, fewer than the {_ENOUGH} that a validation wants",
            )
        for name, version in part["versions"].items():
            if "reason" in version:
                yield f"{model} · {title}", f"no recalibration of {name}: {version['reason']}"
        for doubt in part["as_it_is"]["doubts"]:
            yield f"{model} · {title}", doubt
    for model, one in figures["models"].items():
        if one["strange"]:
            yield model, f"{one['strange']} of {figures['scored']} pictures are unlike what it learned from"
