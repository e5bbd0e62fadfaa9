"""Which location ships what: an order is kept together if it can be, then its lines, then nothing."""

from collections.abc import Iterable, Mapping, Sequence

from ..kit.orders import PartLine

Free = Mapping[str, Mapping[str, int]]
"""Units that may be taken: by location, in order of preference, then by SKU."""


def allocate(wanted: Sequence[PartLine], free: Free) -> dict[str, tuple[PartLine, ...]] | None:
    """What each location ships; None when there is not enough of everything.

    All lines from one location if possible; else each line whole from the first location that has it; else from
    several.
    """
    needed: dict[str, int] = {}
    for line in wanted:
        needed[line.sku] = needed.get(line.sku, 0) + line.quantity
    for location, units in free.items():
        if all(units[sku] >= quantity for sku, quantity in needed.items()):
            return {location: tuple(wanted)}
    if any(sum(units[sku] for units in free.values()) < quantity for sku, quantity in needed.items()):
        return None
    left = {location: dict(units) for location, units in free.items()}
    parts: dict[str, list[PartLine]] = {location: [] for location in free}
    for line in wanted:
        for location, part_line in _places(line, left):
            left[location][line.sku] -= part_line.quantity
            parts[location].append(part_line)
    return {location: tuple(lines) for location, lines in parts.items() if lines}


def missing(wanted: Iterable[PartLine], free: Free) -> tuple[PartLine, ...]:
    """What is lacking, line by line, when earlier lines take first."""
    left: dict[str, int] = {}
    lacking = []
    for line in wanted:
        units = left.get(line.sku)
        if units is None:
            units = sum(at_location[line.sku] for at_location in free.values())
        if units < line.quantity:
            lacking.append(PartLine(line.line_id, line.sku, line.quantity - units))
        left[line.sku] = max(units - line.quantity, 0)
    return tuple(lacking)


def _places(line: PartLine, left: Free) -> list[tuple[str, PartLine]]:
    for location, units in left.items():
        if units[line.sku] >= line.quantity:
            return [(location, line)]
    places = []
    rest = line.quantity
    for location, units in left.items():
        taken = min(rest, units[line.sku])
        if taken:
            places.append((location, PartLine(line.line_id, line.sku, taken)))
            rest -= taken
    return places
