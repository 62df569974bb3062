"""The tables and columns of the release that the cohort table is made from."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from jsl_core.cohort.columns import JSW, OARSI

__all__ = [
    "CONTENTS",
    "FEATURES",
    "IMAGES",
    "LOCATIONS",
    "MONTHS_OF",
    "VISIT_OF",
    "WIDTH_NOTES",
    "TableSpec",
    "specs_for",
    "specs_for_visits",
    "visit_after",
]

# The release's number of each visit, by months after baseline.
VISIT_OF = {0: "00", 12: "01", 24: "03", 36: "05", 48: "06", 72: "08", 96: "10"}
MONTHS_OF = {visit: months for months, visit in VISIT_OF.items()}


def visit_after(months: int) -> str:
    """The release's number of a visit, such as `06`; `18 months` for one without bilateral films."""
    return VISIT_OF.get(months, f"{months} months")


@dataclass(frozen=True)
class TableSpec:
    """A table by its file's name without suffix and by its columns, in capitals.

    A table without one of its `required` columns is not used; a finding names each of `reported` that is
    missing. `gives`, and the values of `reported`, say what cannot be made without them, in the names of the
    cohort table. One that is not `expected` may be absent without being told.
    """

    name: str
    required: tuple[str, ...]
    gives: str
    optional: tuple[str, ...] = ()
    reported: Mapping[str, str] = field(default_factory=dict)
    expected: bool = True


CONTENTS = TableSpec(
    "CONTENTS",
    ("PARTICIPANTID", "SERIESDESCRIPTION"),
    "the films' places without reading their headers",
    ("FOLDER", "STUDYDATE", "BARCODE", "ACCESSIONNUMBER"),
)
IMAGES = TableSpec(
    "IMAGE03",
    ("SRC_SUBJECT_ID", "IMAGE_FILE", "IMAGE_DESCRIPTION"),
    "the films' places without reading their headers",
    ("INTERVIEW_DATE", "VISIT", "ACCESSION_NUMBER"),
)
_PERSONS = (
    TableSpec(
        "ENROLLEES",
        ("ID",),
        "Sex, Race, Cohort, Site",
        ("V00COHORT", "V00SITE"),
        {"P02SEX": "Sex", "P02RACE": "Race"},
    ),
    TableSpec(
        "ALLCLINICAL00",
        ("ID",),
        "Age, BMI, Knee_Injury",
        reported={
            "V00AGE": "Age",
            "P01BMI": "BMI",
            "P01INJR": "Knee_Injury of right knees",
            "P01INJL": "Knee_Injury of left knees",
        },
    ),
)
_ANGLES = TableSpec("KXR_FTA_DURYEA00", ("ID", "SIDE", "V00FTANGLE"), "Alignment_degree", ("READPRJ",))
_OUTCOMES = TableSpec(
    "OUTCOMES99",
    ("ID",),
    "Replaced_days: knees replaced during follow-up cannot be told from others",
    tuple(f"V99E{side}K{field}" for side in "RL" for field in ("BLRP", "RPCF", "RPSN", "DATE")),
    {
        "V99ERKDAYS": "day of a right knee's replacement: a replaced one is left out",
        "V99ELKDAYS": "day of a left knee's replacement: a replaced one is left out",
    },
)
# The last contact's visit, and death: adjudicated or not, its day or date.
_LAST_KNOWN = ("V99RNTCNT", "V99EDDCF", "V99EDDDAYS", "V99EDDDAY", "V99EDDAYS", "V99EDDDATE")
# By the cohort table's column, the release's without its visit.
FEATURES = {
    **dict(zip(OARSI[:2], ("XRJSM", "XRJSL"), strict=True)),
    **{name: f"XR{'OS' if name.startswith('OST') else 'SC'}{name[-2:]}" for name in OARSI[2:]},
}
LOCATIONS = {name: f"{'JSW' if int(name[4:8]) < 500 else 'LJSW'}{name[5:8]}" for name in JSW}
# Flags of the minimum, of the medial and lateral locations and of positioning, and the film that was read.
WIDTH_NOTES = ("NOMMJSW", "NOMJSWX", "NOLJSWX", "INCSTPS", "BARCDJD", "BARCDBU")


def specs_for(followup_months: int) -> tuple[TableSpec, ...]:
    """The tables of a cohort with a follow-up of these months."""
    visit = VISIT_OF[followup_months]
    return (
        *_PERSONS,
        TableSpec("KXR_SQ_BU00", ("ID", "SIDE", "READPRJ", "V00XRKL"), "BL_KL_grade", ("V00BARCDBU",)),
        TableSpec(
            "KXR_QJSW_DURYEA00",
            ("ID", "SIDE", "READPRJ", "V00MCMJSW"),
            "BL_mJSW_mm, JSL_mm, JSL_Prog",
            ("V00NOMMJSW", "V00NOMJSWX"),
        ),
        TableSpec(
            f"KXR_QJSW_DURYEA{visit}",
            ("ID", "SIDE", "READPRJ", f"V{visit}MCMJSW"),
            "FU_mJSW_mm, JSL_mm, JSL_Prog",
            (f"V{visit}NOMMJSW", f"V{visit}NOMJSWX"),
        ),
        _ANGLES,
        _OUTCOMES,
        _clinics_spec("00"),
    )


def specs_for_visits(visits: Iterable[str], filmed: Collection[str]) -> tuple[TableSpec, ...]:
    """The tables of a cohort with a row a knee and visit.

    Args:
        visits: By the release's numbers, baseline among them.
        filmed: Those of which films are wanted.
    """
    persons = [replace(spec, optional=(*spec.optional, "V00EVDATE")) for spec in _PERSONS]
    specs = [*persons, _ANGLES, replace(_OUTCOMES, optional=(*_OUTCOMES.optional, *_LAST_KNOWN))]
    for visit in visits:
        prefix, when = f"V{visit}", f"of visit {visit}"
        specs.append(
            TableSpec(
                f"KXR_SQ_BU{visit}",
                ("ID", "SIDE", "READPRJ", f"{prefix}XRKL"),
                f"KL_grade {when}",
                tuple(prefix + column for column in ("BARCDBU", *FEATURES.values())),
            )
        )
        specs.append(
            TableSpec(
                f"KXR_QJSW_DURYEA{visit}",
                ("ID", "SIDE", "READPRJ", f"{prefix}MCMJSW"),
                f"mJSW_mm {when}, JSL_Prog",
                tuple(prefix + column for column in (*LOCATIONS.values(), *WIDTH_NOTES)),
            )
        )
        if visit in filmed:
            specs.append(_clinics_spec(visit))
        if visit != "00":
            columns = tuple(prefix + name for name in ("AGE", "BMI"))
            specs.append(TableSpec(f"ALLCLINICAL{visit}", ("ID",), "", columns, expected=False))
    return tuple(specs)


def _clinics_spec(visit: str) -> TableSpec:
    return TableSpec(
        f"XRAY{visit}",
        ("ID", f"V{visit}EXAMTP", f"V{visit}XRBARCD"),
        "record by the clinics of the films' dates and quality",
        (f"V{visit}XRDATE", f"V{visit}ACCEPT", f"V{visit}XRCOMP"),
    )
