"""The tables and columns of the release that the cohort table is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CONTENTS", "IMAGES", "VISIT_OF", "TableSpec", "specs_for", "visit_after"]

# The release's number of each visit, by months after baseline.
VISIT_OF = {0: "00", 12: "01", 24: "03", 36: "05", 48: "06", 72: "08", 96: "10"}


def visit_after(months: int) -> str:
    """The release's number of a visit, such as `06`; `18 months` for one without bilateral films."""
    return VISIT_OF.get(months, f"{months} months")


@dataclass(frozen=True)
class TableSpec:
    """A table by its file's name without suffix and by its columns, in capitals.

    A table without one of its `required` columns is not used; a finding names each of `reported` that is
    missing. `gives`, and the values of `reported`, say what cannot be made without them, in the names of the
    cohort table.
    """

    name: str
    required: tuple[str, ...]
    gives: str
    optional: tuple[str, ...] = ()
    reported: Mapping[str, str] = field(default_factory=dict)


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


def specs_for(followup_months: int) -> tuple[TableSpec, ...]:
    """The tables of a cohort with a follow-up of these months."""
    visit = VISIT_OF[followup_months]
    return (
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
        TableSpec("KXR_SQ_BU00", ("ID", "SIDE", "READPRJ", "V00XRKL"), "BL_KL_grade", ("V00BARCDBU",)),
        TableSpec(
            "KXR_QJSW_DURYEA00",
            ("ID", "SIDE", "READPRJ", "V00MCMJSW"),
            "BL_mJSW_mm, JSL_mm, JSL_Prog",
            ("V00NOMJSWX",),
        ),
        TableSpec(
            f"KXR_QJSW_DURYEA{visit}",
            ("ID", "SIDE", "READPRJ", f"V{visit}MCMJSW"),
            "FU_mJSW_mm, JSL_mm, JSL_Prog",
            (f"V{visit}NOMJSWX",),
        ),
        TableSpec("KXR_FTA_DURYEA00", ("ID", "SIDE", "V00FTANGLE"), "Alignment_degree", ("READPRJ",)),
        TableSpec(
            "OUTCOMES99",
            ("ID",),
            "Replaced_days: knees replaced during follow-up cannot be told from others",
            tuple(f"V99E{side}K{field}" for side in "RL" for field in ("BLRP", "RPCF", "RPSN", "DATE")),
            {
                "V99ERKDAYS": "day of a right knee's replacement: a replaced one is left out",
                "V99ELKDAYS": "day of a left knee's replacement: a replaced one is left out",
            },
        ),
        TableSpec(
            "XRAY00",
            ("ID", "V00EXAMTP", "V00XRBARCD"),
            "record by the clinics of the films' dates and quality",
            ("V00XRDATE", "V00ACCEPT", "V00XRCOMP"),
        ),
    )
