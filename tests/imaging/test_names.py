"""Names of any kind: what a disk takes, what can be read back, and no two alike."""

import re
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jsl_core.imaging.names import (
    DistinctNames,
    Pseudonyms,
    decode_name,
    encode_name,
    output_names,
    participant_in_name,
    stem,
)

tried = settings(max_examples=200, deadline=None, derandomize=True, database=None)
AWKWARD = "aAbB01 ._-/\\~%!=+@\t'\"*?<>|:^\udcffüß\u0301\0\n"
NAMES = st.text(st.one_of(st.sampled_from(AWKWARD), st.characters()), min_size=1, max_size=60)
FILES = st.lists(
    st.lists(NAMES.filter(lambda name: "/" not in name and name not in (".", "..")), min_size=1, max_size=3),
    min_size=1,
    max_size=8,
    unique_by=tuple,
).map(lambda files: ["/".join(parts) for parts in files])


@tried
@given(NAMES)
def test_a_name_comes_back_as_it_was(name: str) -> None:
    encoded = encode_name(name)
    assert re.fullmatch(r"[A-Za-z0-9._!%~-]+", encoded)
    assert len(encoded) <= 200
    if "~" not in encoded:
        assert decode_name(encoded) == name


@tried
@given(st.lists(NAMES, unique=True, min_size=2, max_size=8))
def test_outputs_of_different_participants_never_collide(participants: list[str]) -> None:
    distinct = DistinctNames()
    pngs = [distinct(f"{encode_name(f'{name}_{side}')}.png") for name in participants for side in (1, 2)]
    assert len({png.lower() for png in pngs}) == 2 * len(participants)
    for name, png in zip(participants, pngs[::2], strict=True):
        if png.count("~") == 0 or re.search(r"^[^~]*~[0-9a-f]{8}\.png$", png):
            assert decode_name(png.removesuffix(".png")) == f"{name}_1"


@tried
@given(FILES)
def test_outputs_stay_in_their_folder_and_never_collide(files: list[str]) -> None:
    names = output_names(files)
    assert len({name.lower() for name in names}) == len(files)
    folders = {str(folder).lower() for name in names for folder in PurePosixPath(name).parents}
    for name in names:
        assert name.lower() not in folders
        assert (Path("/target") / name).resolve().is_relative_to("/target")
        parts = name.split("/")
        assert all(0 < len(part.encode()) <= 255 and not part.startswith(".") for part in parts)


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("1000001", "1000001"),
        ("PN 108776", "PN%20108776"),
        ("12/345", "12%2F345"),
        ("Müller-7", "M%C3%BCller-7"),
        ("ANON^0012", "ANON%5E0012"),
        ("**********", "%2A" * 10),
        ("..", "%2E%2E"),
        (".hidden", "%2Ehidden"),
        ("-rf", "%2Drf"),
        ("=1+2", "%3D1%2B2"),
        ("CON", "%43ON"),
        ("nul.5", "%6Eul.5"),
        ("Com1", "%43om1"),
        ("COMMON", "COMMON"),
        ("ends.", "ends%2E"),
        ("a~b", "a%7Eb"),
    ],
)
def test_names_as_clinics_have_them(name: str, encoded: str) -> None:
    assert encode_name(name) == encoded
    assert decode_name(encoded) == name


def test_a_name_that_is_too_long_ends_in_a_digest_of_its_own() -> None:
    assert encode_name("N" * 74) == "N" * 74
    first, second = encode_name("ü" * 64 + "1"), encode_name("ü" * 64 + "2")
    assert first != second
    assert re.fullmatch(r"(%[0-9A-F]{2})+~[0-9a-f]{32}", first)
    with pytest.raises(ValueError, match="was cut as too long"):
        decode_name(first)


def test_names_that_differ_in_case_alone_are_told_apart_and_come_back() -> None:
    distinct = DistinctNames()
    names = [distinct(f"{name}_1.png") for name in ("Ab", "AB", "ab", "Ab")]
    assert names[0] == names[3] == "Ab_1.png"
    assert len({name.lower() for name in names}) == 3
    assert [decode_name(name.removesuffix(".png")) for name in names[1:3]] == ["AB_1", "ab_1"]
    assert len({name.lower() for name in output_names(["A/Film.dcm", "a/film.dcm", "A/film.dcm"])}) == 3


@pytest.mark.parametrize(
    ("file", "participant"),
    [
        ("1000009.dcm", "1000009"),
        ("folder/1000009.dcm.gz", "1000009"),
        ("0.C.2/1000007/20050101/01234567/001", "1000007"),
        ("a/IM0001", "a/IM0001"),
        ("b/IM 1.dcm", "b/IM 1"),
        ("more.zip!/inner/film.dcm", "more.zip/inner/film"),
        ("film.dcm", "film"),
        ("..dcm", "..dcm"),
        ("1.2.840.77", "1.2.840.77"),
    ],
)
def test_a_files_name_tells_its_participant_or_takes_its_folders_along(file: str, participant: str) -> None:
    assert participant_in_name(file) == participant


def test_stems_lose_a_suffix_and_no_part_of_a_name() -> None:
    assert [stem(file) for file in ("a/film.two.dcm", "1.2.840.77", "..dcm", ".dcm", "x.dcm.gz", "M.7")] == [
        "film.two", "1.2.840.77", "..dcm", ".dcm", "x", "M.7",
    ]  # fmt: skip


def test_a_key_is_not_shown_where_pseudonyms_are() -> None:
    pseudonyms = Pseudonyms(b"a secret of sixteen")
    assert "secret" not in repr(pseudonyms)
    assert pseudonyms("1000001") == pseudonyms("1000001") != Pseudonyms(b"another secret of")("1000001")
