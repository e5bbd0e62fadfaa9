"""YAML as version 1.2 means it: nothing ambiguous passes, and every key knows its line."""

import pytest

from peakproof.scenarios.yaml_document import YamlError, read_yaml


def test_on_is_a_key_like_any_other() -> None:
    assert read_yaml("on: erp").value == {"on": "erp"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("010", 10),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("2011-12-05", "2011-12-05"),
        ("30%", "30%"),
        ("~", None),
        ("null", None),
        ("'1'", "1"),
        ("[1, a]", [1, "a"]),
    ],
)
def test_a_plain_word_means_what_it_says(text: str, value: object) -> None:
    read = read_yaml(f"key: {text}").value["key"]
    assert (read, type(read)) == (value, type(value))


def test_every_place_knows_its_line() -> None:
    document = read_yaml("name: x\nschedule:\n  - id: a\n    on: erp\n  - id: b\n")
    assert document.line_of(("name",)) == 1
    assert document.line_of(("schedule", 0, "on")) == 4
    assert document.line_of(("schedule", 1)) == 5


def test_a_place_that_is_not_there_has_the_line_above_it() -> None:
    assert read_yaml("a:\n  b: 1\n").line_of(("a", "missing", "deeper")) == 1


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", "key 'a' is given twice, first on line 1", 3, id="a key twice"),
        pytest.param(
            "x:\n  a: 1\n  a: 1\n", "key 'a' is given twice, first on line 2", 3, id="twice, further down"
        ),
        pytest.param("", "is empty", None, id="nothing"),
        pytest.param("# only a comment\n", "is empty", None, id="only a comment"),
        pytest.param("a: [1, 2\n", "is not YAML", 2, id="a bracket left open"),
        pytest.param("a: 1\n---\nb: 2\n", "is not YAML", 2, id="two documents"),
        pytest.param("1: x\n", "a key must be a text, got '1'", 1, id="a number for a key"),
        pytest.param("true: x\n", "a key must be a text, got 'true'", 1, id="a truth for a key"),
        pytest.param("? [a]\n: b\n", "a key must be a text", 1, id="a list for a key"),
        pytest.param("a: !!python/object:os.system x\n", "is not YAML", 1, id="a Python object"),
        pytest.param("a: *nobody\n", "is not YAML", 1, id="an alias of nothing"),
        pytest.param("a: \x00\n", "is not YAML", None, id="a control character"),
        pytest.param("[" * 60 + "]" * 60, "levels deep", 1, id="nested for ever"),
        pytest.param("[" * 20_000, "", None, id="nested beyond the stack"),
    ],
)
def test_what_is_no_document_is_refused_with_its_line(text: str, said: str, line: int | None) -> None:
    with pytest.raises(YamlError) as refused:
        read_yaml(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    if said:
        assert refused.value.line == line
