"""Which of the release's tables and columns the cohort table is made from."""

from dataclasses import dataclass

__all__ = ["CONTENTS", "IMAGES", "VISIT_OF", "TableSpec", "specs_for"]

# The release's number of each visit by months after baseline.
VISIT_OF = {0: "00", 12: "01", 24: "03", 36: "05", 48: "06", 72: "08", 96: "10"}


@dataclass(frozen=True)
class TableSpec:
    """A table by its file's name without suffix and by its columns, in capitals.

    `gives` names what cannot be made without the table, in the words of the cohort table.
    """

    name: str
    columns: tuple[str, ...]
    gives: str
    optional: tuple[str, ...] = ()


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
    """The tables of a cohort with this follow-up."""
    visit = VISIT_OF[followup_months]
    return (
        TableSpec(
            "ENROLLEES", ("ID", "P02SEX", "P02RACE"), "Sex, Race, Cohort, Site", ("V00COHORT", "V00SITE")
        ),
        TableSpec("ALLCLINICAL00", ("ID", "V00AGE", "P01BMI", "P01INJR", "P01INJL"), "Age, BMI, Knee_Injury"),
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
            ("ID", "V99ERKDAYS", "V99ELKDAYS"),
            "Replaced_days: knees replaced during follow-up cannot be told from others",
            tuple(f"V99E{side}K{what}" for side in "RL" for what in ("BLRP", "RPCF", "RPSN")),
        ),
        TableSpec(
            "XRAY00",
            ("ID", "V00EXAMTP", "V00XRBARCD"),
            "the films' dates and quality as the clinics recorded them",
            ("V00XRDATE", "V00ACCEPT", "V00XRCOMP"),
        ),
    )
