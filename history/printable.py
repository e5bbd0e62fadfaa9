"""Text of the system under test, of a stored run or of any other stranger, made harmless where a person reads it."""


def printable(text: str) -> str:
    """The text with every control character written out, so that it can neither steer a terminal nor break XML; one line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_lines(text: str) -> str:
    """The same of text whose lines are our own."""
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    """The same of a JSON document, whose strings mean the same afterwards."""
    return "\n".join(
        line if line.isprintable() else "".join(c if c.isprintable() else _in_json(c) for c in line)
        for line in text.split("\n")
    )


def _in_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
