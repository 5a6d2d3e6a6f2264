"""YAML by the core schema of 1.2, with lines, in bounds."""

from __future__ import annotations

import pytest

from guestd.load.scenario.problems import ScenarioFileError
from guestd.load.scenario.yaml_tree import (
    DEPTH_MAX,
    FILE_BYTES_MAX,
    YamlList,
    YamlMap,
    YamlScalar,
    plain_kind,
    yaml_tree,
)


def tree(text):
    data = text if isinstance(text, bytes) else text.encode()
    node, twice = yaml_tree(data, "f.yml")
    assert twice == []
    return node


def value(node):
    match node:
        case YamlMap():
            return {name.text: value(one) for name, one in node.entries}
        case YamlList():
            return [value(one) for one in node.items]
        case YamlScalar():
            return node.text


def refusal(text):
    with pytest.raises(ScenarioFileError) as caught:
        tree(text)
    (one,) = caught.value.problems
    return f"{one.line} {one}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Yes", "text"),
        ("no", "text"),
        ("on", "text"),
        ("true", "flag"),
        ("False", "flag"),
        ("null", "null"),
        ("~", "null"),
        ("", "null"),
        ("12", "whole"),
        ("0x1F", "whole"),
        ("0o17", "whole"),
        ("1.5", "number"),
        ("1e3", "number"),
        (".inf", "number"),
        ("-.5", "number"),
        ("12:30", "text"),
        ("2024-01-01", "text"),
        ("1_000", "text"),
    ],
)
def test_a_word_without_quotes_is_what_yaml_1_2_says(text, kind):
    assert plain_kind(text) == kind


def test_an_older_version_in_the_file_changes_nothing():
    node = tree("%YAML 1.1\n---\nsay: Yes\n")
    assert node.entries[0][1] == YamlScalar(3, "Yes", "text")


def test_each_node_knows_its_line():
    node = tree('# first\na:\n  - x\n  -\n    "y"\nb: {c: 1,\n  d: 2}\n')
    (a, items), (b, inner) = node.entries
    assert (a.line, [one.line for one in items.items]) == (2, [3, 5])
    assert (b.line, inner.line, [name.line for name, _ in inner.entries]) == (6, 6, [6, 7])


def test_quotes_and_tags_decide_what_a_word_is():
    node = tree("- '12'\n- !!str 12\n- !!int '12'\n- |\n  true\n- ! yes\n")
    assert [one.kind for one in node.items] == ["text", "text", "whole", "text", "text"]


def test_aliases_and_merges_are_what_they_name():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {y: 4, <<: [*a]}\nd: *a\n"
    assert value(tree(text)) == {
        "a": {"x": "1", "y": "2"},
        "b": {"x": "1", "y": "3"},
        "c": {"y": "4", "x": "1"},
        "d": {"x": "1", "y": "2"},
    }


def test_a_key_that_stands_twice_is_told_with_both_lines_and_its_way():
    _, twice = yaml_tree(b"a:\n  - b: 1\n    c: 2\n    b: 3\n    b: 4\na: 2\n", "f.yml")
    assert [f"{one.line} {one}" for one in twice] == [
        "4 a[0].b: stands twice, on lines 2 and 4; remove one of them",
        "5 a[0].b: stands twice, on lines 2 and 5; remove one of them",
        "6 a: stands twice, on lines 1 and 6; remove one of them",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1 is empty; guestd load init writes an example"),
        ("# only\n", "1 is empty; guestd load init writes an example"),
        ("a: b: c", "1 is not YAML: mapping values are not allowed here; check"),
        ("a:\n\tb: 1", "2 is not YAML: found character '\\t' that cannot start any token; check"),
        ('a: "x', "1 is not YAML: found unexpected end of stream; check"),
        ("a: 1\nb: \x00", '2 has a character that YAML does not allow; write it as "\\xNN"'),
        (b"a: 1\nb: \xff", "2 is not in UTF-8; save the file as UTF-8"),
        (b"\xff\xfea\x00", "1 is not in UTF-8; save the file as UTF-8"),
        ('a: "\\ud800"', "1 has half a character; write it whole"),
        ('"\\UFFFFFFFF"', "1 is not YAML: something is not understood; check"),
        ("a: 1\n---\nb: 2\n", "2 is a second document; put it into a file of its own"),
        ("? [a]\n: b", "1 has a list or mapping as a key; write a word"),
        ("a: !python/x 1", "1 has the tag !python/x; leave the tag out"),
        ("a: !x {}", "1 has the tag !x; leave the tag out"),
        ("a: *b", "1 *b is not an anchor above; write it out, or set &b before it"),
        ("a: &b [*b]", "1 *b stands inside of what it names; write it out, or set &b before it"),
        ("a: {<<: 1}", "1 << must have a mapping; name one by an alias"),
        ("a: " + "[" * 40, "1 is nested deeper than 32 levels; nest it less"),
        ("a" * (FILE_BYTES_MAX + 1), "1 is larger than 1 MiB; make several files of it"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(text, told):
    assert refusal(text).startswith(told)


def test_a_byte_order_mark_is_no_part_of_the_file():
    assert value(tree(b"\xef\xbb\xbfa: 1")) == {"a": "1"}


def test_a_mapping_of_very_many_keys_is_read_in_one_go():
    text = "".join(f"a{n}: 1\n" for n in range(20_000))
    assert len(tree(text).entries) == 20_000


def test_ten_lines_do_not_become_a_billion_values():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "is more than 100000 values with its aliases written out" in refusal("\n".join(lines))


def test_aliases_do_not_nest_deeper_than_brackets_may():
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100))]
    assert refusal("\n".join(lines)).startswith(f"{DEPTH_MAX - 1} is nested deeper")
