"""Compressed record files: one Zstandard frame of lines each, of which a kill may have cut off the end."""

from pathlib import Path

import zstandard

COMPRESSED = ".zst"
"""How the name of a compressed file ends."""


def decompressed(path: Path) -> bytes:
    """The whole lines of a compressed file, to where it was cut off if it was."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    found = bytearray()
    with path.open("rb") as file:
        while not frame.eof and (chunk := file.read(1 << 16)):
            try:
                found += frame.decompress(chunk)
            except zstandard.ZstdError:
                break
    return bytes(found if frame.eof else found[: found.rfind(b"\n") + 1])


def lines_in(path: Path) -> int:
    """How many whole lines of a compressed file can be read."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    lines = 0
    with path.open("rb") as file:
        while not frame.eof and (chunk := file.read(1 << 16)):
            try:
                lines += frame.decompress(chunk).count(b"\n")
            except zstandard.ZstdError:
                break
    return lines


def is_whole(path: Path) -> bool:
    """Whether a compressed file ends as its writer ends it; reads the file, not into memory."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    with path.open("rb") as file:
        while chunk := file.read(1 << 16):
            try:
                frame.decompress(chunk)
            except zstandard.ZstdError:
                return False
            if frame.eof:
                return not (frame.unused_data or file.read(1))
    return False
