"""One person, one key: how the names of participants and knees are read, whoever wrote them.

Tables, films and models may write one person in different ways. All that joins them, splits them, or
asks whether a model was trained on somebody goes through `normalise_participant`, `normalise_knee` or
`person_key`.
"""

import re
import unicodedata
from collections.abc import Iterable

__all__ = [
    "clean_text",
    "is_shortened_number",
    "normalise_knee",
    "normalise_participant",
    "parse_knee",
    "parse_side",
    "person_key",
    "person_keys",
]

_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")  # a spreadsheet's minus and a typist's dash
_QUOTES = "'\"`´‘’‚‛“”„′ʼ"  # before text, or around it; O'Brien keeps the one within
_FORMULA_TEXT = re.compile(
    r'=\s*"(.*)"', re.DOTALL
)  # ="1000001_1": how a CSV keeps a spreadsheet from counting
_INVISIBLE = {"Cf", "Cc", "Co", "Cs"}  # zero-width blanks, marks of direction, control characters

_WHOLE = re.compile(r"(\d+)\.0+")
_SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)
_SIDES = {
    **dict.fromkeys(("1", "r", "rt", "right", "rechts"), 1),
    **dict.fromkeys(("2", "l", "lt", "left", "links"), 2),
}
_WORDS = "|".join(sorted((word for word in _SIDES if word.isalpha()), key=len, reverse=True))
_NUMBERED = re.compile(r"(?P<participant>.+?)\s*_\s*(?P<side>[12])(?:\.0+)?")
_LETTERED = re.compile(rf"(?P<participant>.+?)(?:(?<=\d)|[\s_\-.:/]+)\(?(?P<side>{_WORDS})\)?", re.IGNORECASE)
_TOKEN = re.compile(r"\d+|[^\W\d_]+")


def clean_text(text: str) -> str:
    """Text without what cannot be seen: Unicode compatibility forms, zero-width and control characters.

    Blanks of every kind become one, those at the ends go, and so do quotation marks and the apostrophe by
    which spreadsheets mark text.
    """
    if text.isascii() and text.isalnum():
        return text
    if formula := _FORMULA_TEXT.fullmatch(text.strip()):
        text = formula[1]
    text = unicodedata.normalize("NFKC", text.strip(_QUOTES + " \t\r\n")).translate(_HYPHENS)
    text = "".join(
        letter for letter in text if letter.isspace() or unicodedata.category(letter) not in _INVISIBLE
    )
    return " ".join(text.split()).strip(_QUOTES + " ")


def normalise_participant(text: str) -> str:
    """The name of a participant as all of JSL compares it.

    Without blanks of any kind, spreadsheets' apostrophes and `.0`, and in Unicode form NFKC. Case and leading
    zeros stay: whether they tell two persons apart is for the table's owner to say (`person_key`).

    Args:
        text: A participant as a table, a header or a file's name has it.

    Examples:
        >>> normalise_participant("'1000003.0 ")
        '1000003'
        >>> normalise_participant("PN 108776")
        'PN108776'
    """
    name = clean_text(text).replace(" ", "")
    whole = _WHOLE.fullmatch(name)
    return whole[1] if whole else name


def parse_side(text: str) -> int | None:
    """The side of a cell such as `1`, `2.0`, `R` or `left`: 1 right, 2 left, None for anything else."""
    word = clean_text(text).casefold()
    whole = _WHOLE.fullmatch(word)
    return _SIDES.get(whole[1] if whole else word)


def parse_knee(text: str) -> tuple[str, int] | None:
    """The participant, normalised, and the side (1 right, 2 left) of a knee's ID.

    Args:
        text: `<participant>_1` or `_2`, or the participant and R, L, right or left with or without a sign
            between (`1000126L`, `1000126_R`, `1000126 right`).

    Returns:
        None where it names no side.
    """
    name = clean_text(text)
    match = _NUMBERED.fullmatch(name) or _LETTERED.fullmatch(name)
    if not match:
        return None
    participant = normalise_participant(match["participant"])
    return (participant, _SIDES[match["side"].lower()]) if participant else None


def normalise_knee(text: str) -> str:
    """A knee's ID as `<participant>_<side>`; without a side, what is there.

    Examples:
        >>> normalise_knee("1000126 right")
        '1000126_1'
    """
    knee = parse_knee(text)
    return f"{knee[0]}_{knee[1]}" if knee else normalise_participant(text)


def person_key(participant: str) -> str:
    """What two ways of writing one person have in common.

    Case, accents, leading zeros, the kind of signs between letters and numbers, and a side behind the number
    make no difference. Two participants of one key may be one person: before a split that is refused, and a
    model that was trained on one was perhaps trained on the other.

    Examples:
        >>> person_key("a0012"), person_key("A-12")
        ('a-12', 'a-12')
    """
    name = normalise_participant(participant)
    if name.isdigit():
        return name.lstrip("0") or "0"
    letters = unicodedata.normalize("NFKD", name)
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
    tokens = [token.lstrip("0") or "0" if token.isdigit() else token for token in _TOKEN.findall(letters)]
    if len(tokens) > 1 and tokens[-1] in _SIDES and tokens[-1].isalpha() and tokens[-2].isdigit():
        tokens.pop()
    return "-".join(tokens) or letters


def person_keys(participants: Iterable[str]) -> set[str]:
    """The `person_key` of each participant."""
    return {person_key(participant) for participant in set(participants)}


def is_shortened_number(participant: str) -> bool:
    """Whether a spreadsheet has shortened the number, as 9.00E+06: whose it was is lost."""
    return bool(_SHORTENED.fullmatch(participant))
