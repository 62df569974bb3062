"""Darknet configuration files: the `.cfg` that describes a network, read and written."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jsl_core.errors import DetectorError

__all__ = ["Section", "format_cfg", "parse_cfg", "read_cfg"]

KNOWN_SECTIONS = frozenset({"net", "convolutional", "route", "shortcut", "maxpool", "upsample", "yolo"})


@dataclass(frozen=True)
class Section:
    """One `[kind]` of a cfg with its `key=value` options, in the file's order."""

    kind: str
    options: Mapping[str, str] = field(default_factory=dict)

    def integer(self, key: str, default: int | None = None) -> int:
        """One whole number, as `number`."""
        return int(self.number(key, default))

    def number(self, key: str, default: float | None = None) -> float:
        """One number of an option.

        Raises:
            DetectorError: Where it is missing without a default, or no number.
        """
        numbers = self.numbers(key, () if default is None else (default,))
        if len(numbers) != 1:
            raise DetectorError(
                f"[{self.kind}] {key} should be one number, the cfg has {len(numbers)}; correct the cfg"
            )
        return numbers[0]

    def numbers(self, key: str, default: Iterable[float] = ()) -> tuple[float, ...]:
        """The comma-separated numbers of an option.

        Raises:
            DetectorError: Where one is no number, or infinite.
        """
        text = self.options.get(key)
        if text is None:
            return tuple(default)
        try:
            values = tuple(float(part) for part in text.split(",") if part.strip())
        except ValueError:
            values = (math.nan,)
        if not all(map(math.isfinite, values)):
            raise DetectorError(f"[{self.kind}] {key}={text[:80]} should be numbers; correct the cfg")
        return values


def parse_cfg(text: str, name: str = "cfg") -> tuple[Section, ...]:
    """Parse a Darknet cfg into its sections, `[net]` first.

    Args:
        text: The whole cfg.
        name: What messages call it.

    Raises:
        DetectorError: For anything but a Darknet cfg of the known sections.
    """
    sections: list[tuple[str, dict[str, str]]] = []
    for number, full_line in enumerate(text.splitlines(), 1):
        line = full_line.split("#")[0].split(";")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            kind = line[1:-1].strip()
            kind = "net" if kind == "network" else kind
            if kind not in KNOWN_SECTIONS:
                raise DetectorError(
                    f"{name}, line {number}: section [{kind}] is unknown; "
                    f"YOLOv4 needs only {', '.join(sorted(KNOWN_SECTIONS))}"
                )
            sections.append((kind, {}))
        elif line:
            key, equals, value = line.partition("=")
            if not equals or not sections:
                raise DetectorError(
                    f"{name}, line {number}: expected [section] or key=value; correct the cfg"
                )
            sections[-1][1].setdefault(key.strip(), value.strip())  # of equal keys Darknet takes the first
    if [kind for kind, _ in sections].count("net") != 1 or sections[0][0] != "net":
        raise DetectorError(f"{name} has no [net] section at its start; is it a Darknet cfg?")
    return tuple(Section(kind, options) for kind, options in sections)


def read_cfg(path: Path) -> tuple[Section, ...]:
    """Read a cfg file into its sections, as `parse_cfg`.

    Raises:
        DetectorError: Where the file cannot be read or is no Darknet cfg.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")  # comments may be of any code page
    except OSError as error:
        raise DetectorError(f"{path.name} cannot be read as a Darknet cfg; check the path") from error
    return parse_cfg(text, path.name)


def format_cfg(sections: Iterable[Section]) -> str:
    """Format sections as the text of a cfg; `parse_cfg` of it gives the same sections."""
    blocks = (
        "\n".join([f"[{section.kind}]", *(f"{key}={value}" for key, value in section.options.items())])
        for section in sections
    )
    return "\n\n".join(blocks) + "\n"
