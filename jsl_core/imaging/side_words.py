"""Side words as clinics write them, such as `Knie re.`, `Genou G`, `ginocchio sx`, `RODILLA DCHA` or `LKNEE`.

What is an article, a view or a modality in another language counts only beside a knee of its own.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from jsl_core.imaging.records import Laterality

__all__ = ["sides_in_words"]

_RIGHT = {
    *("right", "rt", "rgt", "r"),
    *("rechts", "rechte", "rechter", "rechtes", "rechten", "rechtem", "re"),
    *("droit", "droite", "dt", "dte", "drt", "drte"),
    *("destra", "destro", "dex", "dext", "dextra", "dexter"),
    *("derecha", "derecho", "dcha", "dcho", "drcha", "drcho", "dch"),
    *("direita", "direito", "dir", "dta", "dto"),
    *("hoger", "hoyre", "hojre", "prawy", "prawa", "prawe", "prawego"),
}
_LEFT = {
    *("left", "lt", "lft", "l"),
    *("links", "linke", "linker", "linkes", "linken", "linkem", "li", "lks"),
    *("gauche", "gche", "gch"),
    *("sinistra", "sinistro", "sinister", "sinis"),
    *("izquierda", "izquierdo", "izq", "izqu", "izda", "izdo", "izqda", "izqdo"),
    *("esquerda", "esquerdo", "esq"),
    *("vanster", "venstre", "lewy", "lewa", "lewe", "lewego"),
}
_BOTH = {
    *("both", "bil", "bds", "beids", "beide", "beiden", "beider", "beides", "beiderzijds", "bdz", "bdzs"),
    *("ambo", "ambos", "ambas", "ambedue", "entrambe", "entrambi"),
    *("knees", "kniee", "knieen", "knien", "kniegelenke", "genoux", "ginocchia", "ginocchi"),
    *("rodillas", "joelhos"),
}
_BOTH_STEMS = ("bilat", "beidseit")
_VIEWS = (
    "eben",
    "richt",
    "strahl",
    "view",
    "proj",
    "proy",
    "proi",
    "plan",
    "incid",
)  # both of these: one knee

_KNEES = {
    "en": ("knee", "knees"),
    "de": ("knie", "kniee", "knieen", "knien", "kniegelenk", "kniegelenke", "kniegelenks"),
    "fr": ("genou", "genoux"),
    "it": ("ginocchio", "ginocchia", "ginocchi"),
    "es": ("rodilla", "rodillas"),
    "pt": ("joelho", "joelhos"),
    "north": ("kna", "knan", "kne", "knae", "polvi", "polvet"),
}
_LANGUAGE = {word: language for language, words in _KNEES.items() for word in words}
_COMPOUND = re.compile(
    r"(?P<before>r|l|rt|lt|re|li|right|left|rechts|links|rechter|linker|rechtes|linkes)?"
    r"(?P<knee>knee|knie|genou|ginocchio|rodilla|joelho)"
    r"(?P<after>r|rt|re|lt|li|right|left|rechts|links|d|g|dx|sx)?"
)
# Of one language only: side, the languages of a knee beside which it counts.
_OF_LANGUAGES: dict[str, tuple[Laterality, frozenset[str]]] = {
    "d": ("R", frozenset({"fr", "it", "es", "pt"})),
    "g": ("L", frozenset({"fr"})),
    "s": ("L", frozenset({"it"})),
    "i": ("L", frozenset({"es"})),
    "e": ("L", frozenset({"pt"})),  # but `e` is `and` before another word
    "der": ("R", frozenset({"es"})),  # a German article
    "dx": ("R", frozenset(_KNEES) - {"en"}),  # digital X-ray, diagnosis
    "sx": ("L", frozenset(_KNEES) - {"en"}),
    "sin": ("L", frozenset(_KNEES) - {"es"}),  # Spanish `without`
}
_LAST_ONLY = {"e"}
_NEVER_FIRST = {"dx"}  # before anything else it is the modality
_LETTERS = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss", "æ": "ae", "Æ": "Ae"})


@dataclass(frozen=True)
class _Word:
    """A word in lower case without accents, and the character on either side of it."""

    text: str
    before: str
    after: str

    @property
    def stands_alone(self) -> bool:
        """Whether it is no article (`l'enfant`), prefix (`re-take`), or letter of a number (`L5`)."""
        joined = self.after in ("'", "’") or (self.text == "re" and self.after in ("-", ":"))
        numbered = len(self.text) == 1 and (self.before.isdigit() or self.after.isdigit())
        return not joined and not numbered


def sides_in_words(text: str, context: str = "") -> set[Laterality]:
    """The knees that a text names: R, L or B for both; right and left in one text are both.

    Args:
        text: A description of a header.
        context: Other texts of the header, which tell its language.
    """
    words = list(_words(text))
    languages = {
        language for word in _words(f"{text} {context}") if (language := _language_of(word.text)) is not None
    }
    sides: set[Laterality] = set()
    for at, word in enumerate(words):
        following = [other.text for other in words[at + 1 : at + 3]]
        sides |= _sides_of(word, at == 0, following, languages)
    return {"B"} if {"R", "L"} <= sides else sides


def _words(text: str) -> Iterator[_Word]:
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)  # KneeRight
    for match in re.finditer(r"[A-Za-z]+", plain):
        start, end = match.span()
        yield _Word(match.group().lower(), plain[start - 1 : start], plain[end : end + 1])


def _language_of(word: str) -> str | None:
    compound = _COMPOUND.fullmatch(word)
    return _LANGUAGE.get(word) or (compound and _LANGUAGE[compound["knee"]]) or None


def _sides_of(word: _Word, first: bool, following: list[str], languages: set[str]) -> set[Laterality]:
    text, sides = word.text, set[Laterality]()
    if not word.stands_alone:
        return sides
    if (text in _BOTH or text.startswith(_BOTH_STEMS)) and not any(
        other.startswith(_VIEWS) for other in following
    ):
        sides.add("B")
    compound = _COMPOUND.fullmatch(text)
    if compound and (compound["before"] or compound["after"]):
        for part in (compound["before"], compound["after"]):
            sides |= _plain_sides(part or "", {_LANGUAGE[compound["knee"]]})
    elif not (text in _NEVER_FIRST and first and following) and not (text in _LAST_ONLY and following):
        sides |= _plain_sides(text, languages)
    return sides


def _plain_sides(text: str, languages: set[str]) -> set[Laterality]:
    if text in _RIGHT:
        return {"R"}
    if text in _LEFT:
        return {"L"}
    side, where = _OF_LANGUAGES.get(text, ("", frozenset()))
    return {side} if side and where & languages else set()
