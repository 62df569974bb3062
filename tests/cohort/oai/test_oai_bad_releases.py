"""Releases that are cut short, mixed up or incomplete: findings name it, nothing is believed in silence."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jsl_core.cohort.oai import Cohort, read_release
from jsl_core.config import OaiSettings, PhantomSettings
from jsl_core.errors import BadTable
from jsl_core.phantom.oai import write_oai_release

_CLINICAL = "OAICompleteData_ASCII"
_ZIP = "X-Ray Image Assessments_ASCII.zip"
_SQ = "X-Ray Image Assessments_ASCII/Semi-Quant Scoring_ASCII/KXR_SQ_BU00.txt"


@pytest.fixture(scope="module")
def tables_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables only, and no film."""
    root = tmp_path_factory.mktemp("release")
    write_oai_release(root, PhantomSettings(patients=20), "barcodes", None)
    return root / "release"


@pytest.fixture
def release(tables_only: Path, tmp_path: Path) -> Path:
    """A copy to spoil, its zip unpacked."""
    copy = tmp_path / "release"
    shutil.copytree(tables_only, copy)
    with zipfile.ZipFile(copy / _ZIP) as archive:
        archive.extractall(copy)
    (copy / _ZIP).unlink()
    return copy


def _read(release: Path) -> Cohort:
    return read_release(release, OaiSettings(jobs=1))


def _sentences(cohort: Cohort, kind: str) -> list[str]:
    return [f"{finding.where}: {finding.sentence}" for finding in cohort.findings if finding.kind == kind]


def test_folders_zips_and_one_zip_of_all_read_alike(tables_only: Path, release: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "all"), "zip", release)
    tables = [_read(source).table for source in (tables_only, release, tmp_path / "all.zip")]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_without_films_knees_are_kept_with_a_finding(release: Path) -> None:
    cohort = _read(release)
    assert len(_sentences(cohort, "no_scans")) == 1
    assert "no baseline film" not in cohort.flow["step"].tolist()


def test_a_row_cut_off_is_dropped_with_a_finding(release: Path) -> None:
    table = release / _CLINICAL / "AllClinical00.txt"
    data = table.read_bytes()
    table.write_bytes(data[: data.rindex(b"|") - 4])
    cohort = _read(release)
    assert "1 of" in _sentences(cohort, "truncated_table")[0]
    last = cohort.table.iloc[-1]
    assert "Age not listed" in last["Missing"]


def test_another_visit_under_the_name_of_baseline_is_not_used(release: Path) -> None:
    table = release / _SQ
    table.write_bytes(table.read_bytes().replace(b"V00XRKL", b"V06XRKL"))
    cohort = _read(release)
    assert "holds visit 06 under the name of visit 00" in _sentences(cohort, "wrong_visit")[0]
    assert cohort.table["BL_KL_grade"].isna().all()


def test_of_two_releases_the_newer_version_is_read(release: Path) -> None:
    old = (release / _SQ).read_bytes()
    newer = release / "newer" / "kxr_sq_bu00.TXT"
    newer.parent.mkdir()
    before = _read(release).table.set_index("ID")["BL_KL_grade"]
    lines = [line.split(b"|") for line in old.splitlines()]
    place = lines[0].index(b"V00XRKL")
    version = lines[0].index(b"VERSION")
    for line in lines[1:]:
        line[version] = b"0.10"
        line[place] = b"4" if line[0] == b"1000001" else line[place]
    newer.write_bytes(b"\n".join(b"|".join(line) for line in lines) + b"\n")
    cohort = _read(release)
    assert len(_sentences(cohort, "two_releases")) == 1
    after = cohort.table.set_index("ID")["BL_KL_grade"]
    assert after["1000001_1"] == 4 != before["1000001_1"]


def test_two_different_tables_of_one_version_are_refused(release: Path) -> None:
    copy = release / "copy" / "kxr_sq_bu00.txt"
    copy.parent.mkdir()
    copy.write_bytes((release / _SQ).read_bytes().replace(b"|15|", b"|16|", 1))
    with pytest.raises(BadTable, match="same version"):
        _read(release)


def test_the_same_table_twice_is_the_table_once(release: Path) -> None:
    copy = release / "copy" / "KXR_sq_BU00.txt"
    copy.parent.mkdir()
    copy.write_bytes((release / _SQ).read_bytes().replace(b"\n", b"\r\n"))
    assert not _sentences(_read(release), "two_releases")


def test_a_missing_table_says_what_cannot_be_made(release: Path) -> None:
    (release / "X-Ray Image Assessments_ASCII" / "Alignment_ASCII" / "KXR_FTA_DURYEA00.txt").unlink()
    cohort = _read(release)
    assert "kxr_fta_duryea00.txt: without it there is no Alignment_degree" in _sentences(
        cohort, "missing_table"
    )
    assert cohort.table["Alignment_degree"].isna().all()


def test_more_columns_and_tabs_for_pipes_are_fine(release: Path) -> None:
    before = _read(release).table
    table = release / _SQ
    rows = table.read_bytes().replace(b"|", b"\t").splitlines()
    more = [b"NEW\t" + rows[0], *(b"9: Not known\t" + row for row in rows[1:])]
    table.write_bytes(b"\n".join(more))
    assert _read(release).table.equals(before)


def test_no_release_is_refused_with_what_to_download(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="X-ray image assessments"):
        _read(tmp_path)
    with pytest.raises(BadTable, match="no such file or folder"):
        _read(tmp_path / "nothing")


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.decode("latin-1").encode("utf-16"),
        lambda data: b"\r\n" + data,
        lambda data: data + b"\x1a",
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: b"\n".join(b'"' + line.replace(b"|", b'"|"') + b'"' for line in data.splitlines()),
        lambda data: data.replace(b"\n", b"|\n").replace(b"|\n", b"\n", 1),
        lambda data: b"\n".join(b"|".join(reversed(line.split(b"|"))) for line in data.splitlines()),
    ],
    ids=["BOM", "UTF-16", "blank line", "Ctrl-Z", "CR", "quoted", "delimiter at the end", "other order"],
)
def test_a_table_that_another_program_has_written_again_is_the_same_table(
    release: Path, rewrite: Callable[[bytes], bytes]
) -> None:
    before = _read(release).table
    for name in (_SQ, f"{_CLINICAL}/AllClinical00.txt"):
        table = release / name
        table.write_bytes(rewrite(table.read_bytes().replace(b"\r\n", b"\n")))
    assert _read(release).table.equals(before)


def test_a_table_without_one_of_its_columns_still_gives_the_others(release: Path) -> None:
    before = _read(release).table
    table = release / _CLINICAL / "AllClinical00.txt"
    table.write_bytes(table.read_bytes().replace(b"V00AGE", b"UNKNOWN"))
    cohort = _read(release)
    assert "without it there is no Age" in _sentences(cohort, "missing_column")[0]
    assert cohort.table["Age"].isna().all()
    assert cohort.table["Missing"].str.contains("Age no column").any()
    assert cohort.table["BMI"].equals(before["BMI"])


def test_a_table_with_two_columns_of_one_name_is_not_used(release: Path) -> None:
    table = release / _CLINICAL / "AllClinical00.txt"
    rows = table.read_bytes().replace(b"\r\n", b"\n").splitlines()
    table.write_bytes(b"\n".join([rows[0] + b"|V00AGE", *(row + b"|50" for row in rows[1:])]))
    [sentence] = _sentences(_read(release), "unreadable_table")
    assert "two columns called V00AGE" in sentence


def test_a_file_that_ends_within_a_line_is_a_finding_even_if_no_cell_is_missing(release: Path) -> None:
    table = release / _SQ
    table.write_bytes(table.read_bytes()[:-3])
    assert _sentences(_read(release), "unfinished_table")


def test_a_table_that_lacks_enrolled_participants_is_a_finding_with_their_number(release: Path) -> None:
    table = release / _CLINICAL / "OUTCOMES99.txt"
    table.write_bytes(b"".join(table.read_bytes().splitlines(keepends=True)[:11]))
    [sentence] = [text for text in _sentences(_read(release), "incomplete_table") if "outcomes99" in text]
    assert "does not name 10 of 20 enrolled" in sentence


def test_a_table_of_a_header_alone_counts_as_missing(release: Path) -> None:
    table = release / _SQ
    table.write_bytes(table.read_bytes().splitlines(keepends=True)[0])
    cohort = _read(release)
    assert _sentences(cohort, "empty_table")
    assert "without it there is no BL_KL_grade" in " ".join(_sentences(cohort, "missing_table"))


def test_tables_in_a_zip_within_a_zip_are_read(tables_only: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        for path in sorted(tables_only.rglob("*.*")):
            archive.write(path, path.relative_to(tables_only.parent))
        archive.writestr("release/films.zip", b"PK\5\6" + bytes(18))
    cohort = _read(tmp_path / "download.zip")
    assert cohort.table.equals(_read(tables_only).table)
    assert "unpack the outer one" in _sentences(cohort, "nested_archive")[0]


def test_a_damaged_archive_is_a_finding(release: Path) -> None:
    (release / "more.zip").write_bytes(b"PK\x03\x04 cut off")
    assert _sentences(_read(release), "damaged_archive")
