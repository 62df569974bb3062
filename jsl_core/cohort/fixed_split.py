"""Split `jsl-1`: whom everybody tests on, by the person's number alone, and its variants. Frozen for good."""

import hashlib
import re
from dataclasses import dataclass

import pandas as pd

from jsl_core.cohort.columns import SITE, VISIT
from jsl_core.cohort.persons import person_key
from jsl_core.errors import BadTable

__all__ = ["FIXED_SPLIT", "TESTED_BY_NUMBER", "FixedSplit", "is_tested_by_number"]

TESTED_BY_NUMBER = 0.25  # of all people, in split jsl-1; another share would be another split
FIXED_SPLIT = r"jsl-1(?:-site-(?P<site>\w+)|-visit-(?P<visit>\w+))?"  # its name, and those of its variants


def is_tested_by_number(participant: str) -> bool:
    """Whether split `jsl-1` tests on a participant, the same in every table and for good.

    It is who has a number x = SHA-256 of `jsl-1:` and the participant's `person_key`, its first eight bytes
    read as a big-endian whole number, below 2⁶⁴ × `TESTED_BY_NUMBER`.
    """
    digest = hashlib.sha256(f"jsl-1:{person_key(participant)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < TESTED_BY_NUMBER * 2**64


@dataclass(frozen=True)
class FixedSplit:
    """Split `jsl-1` or a variant: who is tested on follows from the number, and nobody learns from those.

    Attributes:
        name: `jsl-1`, `jsl-1-site-D` or `jsl-1-visit-06`.
        site: Tested on are these people at this centre, learned from is nobody there.
        visit: Tested on are these people at this visit, learned from are all others at other visits.
    """

    name: str
    site: str = ""
    visit: str = ""

    @classmethod
    def parse(cls, name: str) -> "FixedSplit | None":
        """The split of this name; None where it names none."""
        match = re.fullmatch(FIXED_SPLIT, name)
        return cls(name, match["site"] or "", match["visit"] or "") if match else None

    def parts(self, table: pd.DataFrame) -> tuple["pd.Series[bool]", "pd.Series[bool]"]:
        """Masks of the rows that are tested on, and of those that may be learned from.

        Rows that are in neither are left out: those of tested people elsewhere than is tested, and those of
        others where it is. Over all sites, or all visits, every row of a tested person is tested on once, by
        a model that has seen nobody of that site, or visit.

        Args:
            table: A cohort table, with the column `Site` or `visit` for a variant.

        Raises:
            BadTable: If that column is missing or blank, or has no such site or visit.
        """
        tested = table["participant"].map(is_tested_by_number)
        held = self._held_out(table)
        return tested & held, ~tested & ~held if self.site or self.visit else ~tested

    def _held_out(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """The rows of the site or visit that is held out; all of them where none is."""
        column, value = (SITE, self.site) if self.site else (VISIT, self.visit)
        if not value:
            return pd.Series(True, table.index)
        kind = column.lower()
        known = table[column].astype(str).str.strip() if column in table else pd.Series("", table.index)
        if (known == "").any():
            first = table.loc[known == "", "ID"].iloc[0]
            raise BadTable(
                f"split {self.name}: the cohort table has no {kind} for {first}; fill its column {column}, "
                "or set pack.split to jsl-1"
            )
        if not (known == value).any():
            there = ", ".join(sorted(set(known)))
            raise BadTable(f"split {self.name}: the cohort table has no {kind} {value}; there are {there}")
        return known == value
