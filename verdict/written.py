"""Files that are derived from a run, in its folder."""

from pathlib import Path


def written(path: Path, text: str) -> Path:
    """Write a file whole or not at all; returns its path. A link that somebody has laid there is replaced, not followed."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with part.open("x", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
    return path
