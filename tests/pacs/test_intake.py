"""What a received film goes through, without a network: the table of pseudonyms, the bucket it lands in."""

from pathlib import Path
from typing import Any

import pytest

from jsl_core.errors import BadTable
from jsl_core.imaging import Pseudonyms
from jsl_core.landing import open_landing
from jsl_core.pacs.inbox import FolderInbox, open_inbox
from jsl_core.pacs.intake import Intake
from tests.landing.test_bucket_landing import bucket  # noqa: F401 - a fixture

UID = "2.25.10001"


@pytest.mark.parametrize("table", ["ID,Age\n1,60\n", "pseudonym;name\na;Doe\n", "pseudonym,name\na\n", ""])
def test_a_table_that_is_no_mapping_of_pseudonyms_is_refused_and_stays_as_it_is(
    table: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "JSL.csv"
    mapping.write_text(table)
    with pytest.raises(BadTable, match="not a CSV of the columns pseudonym and name; name the one that jsl"):
        Intake(FolderInbox(tmp_path / "landing", 0), Pseudonyms(b"a key of sixteen letters"), mapping)
    assert mapping.read_text() == table


def test_a_bucket_can_be_the_landing(
    bucket: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    inbox = open_inbox("s3://landing/knees", 0)
    assert [inbox.keep(UID, content) for content in (b"film", b"film", b"other")] == [
        True,
        False,
        True,
    ]
    names = [file.name for file in open_landing("s3://landing/knees", tmp_path).files()]
    assert len(names) == 2
    assert f"{UID}.dcm" in names
