"""Mutants of files: what editors, bad copies and attackers make of them."""

import random

__all__ = ["mutate_bytes", "mutate_text"]

_VALUES = (
    *(
        "nan",
        "inf",
        "-inf",
        "-1",
        "0",
        "1",
        "2",
        "1e30",
        "1e999",
        "-0.0",
        "0x10",
        "1_0",
        "99999999999999999999",
    ),
    *(
        "",
        " ",
        "''",
        '"',
        "[]",
        "{}",
        "true",
        "null",
        "None",
        "é",
        "\x00",
        "\u202e",
        "a" * 3000,
        "1,2,3",
        "0,1",
    ),
)


def mutate_text(text: str, rng: random.Random) -> str:
    """One to three edits of a text: values replaced, lines removed, doubled, swapped, characters changed."""
    for _ in range(rng.randrange(1, 4)):
        lines = text.splitlines(keepends=True) or [""]
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        kind = rng.randrange(8)
        if kind <= 2:
            name, sign, _ = lines[at].partition(rng.choice("=,: "))
            lines[at] = f"{name}{sign}{rng.choice(_VALUES)}\n"
        elif kind == 3:
            words = lines[at].replace("\n", " \n").split(",")
            words[rng.randrange(len(words))] = rng.choice(_VALUES)
            lines[at] = ",".join(words).rstrip("\n") + "\n"
        elif kind == 4:
            del lines[at]
        elif kind == 5:
            lines.insert(at, lines[other])
        elif kind == 6:
            lines[at], lines[other] = lines[other], lines[at]
        else:
            place = rng.randrange(len(text) + 1)
            lines = [text[:place], rng.choice(_VALUES), text[place + rng.randrange(3) :]]
        text = "".join(lines)
    return text


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Cut, lengthened, emptied, or with some bytes changed."""
    place = rng.randrange(len(data) + 1)
    kind = rng.randrange(6)
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data + data[:place]
    if kind == 2:
        return rng.choice([b"", b"\0" * 64, b"\xff" * len(data), b"{}", b"PK\3\4"])
    if kind == 3:
        return data[:place] + bytes(rng.randrange(256) for _ in range(8)) + data[place + 8 :]
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        # Half of the time near the beginning, where headers are.
        changed[rng.randrange(min(len(data), 64) if kind == 4 else len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)
