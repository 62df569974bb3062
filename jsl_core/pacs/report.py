"""A study's results as one Comprehensive 3D SR by TID 1500, a measurement group for each knee."""

from collections.abc import Iterator, Sequence

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageRegion,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes

from jsl_core import __version__
from jsl_core.imaging.own_results import MANUFACTURER, SERIES
from jsl_core.pacs import codes as own
from jsl_core.pacs.findings import KneeFinding, ModelIdentity
from jsl_core.pacs.uids import derive_uid

__all__ = ["FilmFindings", "make_report"]

FilmFindings = tuple[Dataset, str, tuple[KneeFinding, ...]]
"""A film's header (`result_header`), the digest of its pixels, and what was found on it."""

_SERIES_NUMBER = 7501  # beyond what modalities count to
_SIDES = {1: "right knee", 2: "left knee"}


def make_report(films: Sequence[FilmFindings], model: ModelIdentity) -> Comprehensive3DSR:
    """Make the report of a study: complete, preliminary and not verified by anybody.

    Args:
        films: The study's films, at least one; the first one's header names patient and study.
        model: Which model it was.

    Returns:
        The report; its UIDs follow from the films and the model.
    """
    headers = [header for header, _, _ in films]
    study = str(headers[0].StudyInstanceUID)
    groups = [_group(header, pixels, knee, model) for header, pixels, knees in films for knee in knees]
    content = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=_observer(model)),
        procedure_reported=own.PROCEDURE,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    films_digest = sorted(f"{header.SOPInstanceUID} {pixels}" for header, pixels, _ in films)
    return Comprehensive3DSR(
        evidence=headers,
        content=content,
        series_instance_uid=derive_uid("report series", study, model.digest),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=derive_uid("report", *films_digest, model.digest),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description=f"{SERIES}knee grades, report",
        manufacturer_model_name=model.name,
        software_versions=__version__,
        device_serial_number=model.digest[:16],
        coding_schemes=[own.scheme_of_own_codes()],
        performed_procedure_codes=[own.PROCEDURE],
    )


def _observer(model: ModelIdentity) -> ObserverContext:
    device = DeviceObserverIdentifyingAttributes(
        uid=derive_uid("device", model.digest),
        name="JSL, research use only",
        manufacturer_name=MANUFACTURER,
        model_name=model.name,
        serial_number=model.digest[:16],
    )
    return ObserverContext(codes.DCM.Device, device)


def _group(
    header: Dataset, pixels: str, knee: KneeFinding, model: ModelIdentity
) -> PlanarROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations:
    """A knee's measurement group: TID 1410 with the joint's box on the film, TID 1501 without one."""
    side = _SIDES[knee.side]
    tracking = derive_uid("knee", str(header.SOPInstanceUID), pixels, side, model.digest)
    common = {
        "tracking_identifier": TrackingIdentifier(uid=tracking, identifier=side),
        "finding_type": own.ANATOMY,
        "finding_sites": [FindingSite(own.ANATOMY, own.LATERALITY[knee.side])],
        "algorithm_id": AlgorithmIdentification(
            name=model.name,
            version=model.version,
            manufacturer=MANUFACTURER,
            parameters=[f"sha256={model.digest}", *([f"outcome={model.outcome}"] if model.outcome else [])],
        ),
        "measurements": list(_measurements(knee, model.outcome)),
        "qualitative_evaluations": list(_evaluations(knee)),
    }
    source = str(header.SOPClassUID), str(header.SOPInstanceUID)
    if knee.box is None:
        images = [SourceImageForMeasurementGroup(*source)]
        return MeasurementsAndQualitativeEvaluations(source_images=images, **common)
    x1, y1, x2, y2 = knee.box
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)])
    region = ImageRegion("POLYLINE", corners, SourceImageForRegion(*source))
    return PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **common)


def _measurements(knee: KneeFinding, outcome: str) -> Iterator[Measurement]:
    for grade, probability in enumerate(knee.probabilities):
        yield Measurement(own.grade_probability(grade), probability, own.NO_UNIT)
    low, high = knee.risk_interval or (None, None)
    of_loss = (own.PROGRESSION, own.PROGRESSION_LOW, own.PROGRESSION_HIGH)
    names = (own.OUTCOME, own.OUTCOME_LOW, own.OUTCOME_HIGH) if outcome else of_loss
    for name, value in (
        (own.KL2_RISK, knee.kl2_risk),
        *zip(names, (knee.risk, low, high), strict=True),
        (own.STRANGE, knee.strange),
    ):
        if value is not None:
            yield Measurement(name, value, own.NO_UNIT)
    for place, millimetres in knee.widths.items():
        yield Measurement(own.width(place), millimetres, own.MILLIMETRE)


def _evaluations(knee: KneeFinding) -> Iterator[QualitativeEvaluation]:
    if knee.grade is not None:
        yield QualitativeEvaluation(own.GRADE, own.GRADES[knee.grade])
    if knee.is_strange:
        yield QualitativeEvaluation(own.STRANGE, own.UNUSUAL)
