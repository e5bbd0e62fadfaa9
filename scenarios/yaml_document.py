"""Reads one YAML document as YAML 1.2 means it, refuses what is ambiguous, and knows the line of every key.

PyYAML follows YAML 1.1, in which the key ``on`` is a boolean, ``1:30`` a number and a repeated key silently wins.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from .validation import Loc

DEEPEST = 50


class YamlError(ValueError):
    """A text that is no YAML document, or an ambiguous one; ``line`` counts from 1."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says, and on which line it says it."""

    value: Any
    lines: dict[Loc, int] = field(default_factory=dict)

    def line_of(self, loc: Loc) -> int | None:
        """The line of a place, or of the nearest place above it."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc)


class _Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2 (section 10.3.2)."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own way of saying it


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(str(node.value)))
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<$"), ["<"])


def read_yaml(text: str) -> Document:
    """One document. YamlError for broken YAML, none or several documents, a key given twice, or endless nesting."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise YamlError("is empty")
        lines: dict[Loc, int] = {}
        _walk(node, (), lines)
        return Document(loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(f"is not YAML: {said}", mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, YamlError):
            raise
        raise YamlError(f"is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise YamlError("is nested too deeply") from None


def _walk(node: yaml.Node, loc: Loc, lines: dict[Loc, int]) -> None:
    if len(loc) > DEEPEST:
        raise YamlError(f"is nested more than {DEEPEST} levels deep", node.start_mark.line + 1)
    lines.setdefault(loc, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _walk(item, (*loc, number), lines)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag not in (
                "tag:yaml.org,2002:str",
                "tag:yaml.org,2002:merge",
            ):
                raise YamlError(f"a key must be a text, got {str(getattr(key, 'value', key))[:80]!r}", line)
            if key.value in seen:
                raise YamlError(f"key {key.value!r} is given twice, first on line {seen[key.value]}", line)
            seen[key.value] = line
            _walk(value, (*loc, key.value), lines)
            lines[(*loc, key.value)] = line
