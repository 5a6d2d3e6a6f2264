"""YAML as a tree that knows its lines, in bounds.

Built from the parser's events and not by a loader of the library, for four reasons. A loader makes
values and forgets where they stood. It recurses, so that deep nesting ends it with a traceback. It
repeats what an alias names, so that ten lines can become a billion values. And what an unquoted
word is differs between versions of YAML: here it is by the core schema of 1.2 whatever the file's
first line says, which is also what js-yaml does, so that `say: Yes` is a text.

An alias shares the node that it names. Each node knows how many nodes it would be written out, and
how deep; both are bounded, so that what walks the tree afterwards ends in time and may recurse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from .problems import PROBLEMS_MAX, FileProblem, ScenarioFileError

#: A thousand scenarios of twenty steps are half of it.
FILE_BYTES_MAX = 1024 * 1024
#: Loops in loops are eight levels; nothing written by hand is deeper.
DEPTH_MAX = 32
#: The steps that a file may have are half of it; the parser takes ten seconds for so many.
NODES_MAX = 100_000

ScalarKind = Literal["text", "null", "flag", "whole", "number"]

#: The core schema of YAML 1.2: what a word without quotes is, if not a text.
_PLAIN: tuple[tuple[ScalarKind, re.Pattern[str]], ...] = (
    ("null", re.compile(r"~|null|Null|NULL|")),
    ("flag", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("whole", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    (
        "number",
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|"
                   r"\.(nan|NaN|NAN)"),
    ),
)  # fmt: skip
_TAGS: dict[str, ScalarKind] = {
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:int": "whole",
    "tag:yaml.org,2002:float": "number",
    "tag:yaml.org,2002:bool": "flag",
    "tag:yaml.org,2002:null": "null",
}
_STRUCTURES = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!")


@dataclass(slots=True)
class YamlScalar:
    """`text` as it was written, without its quotes."""

    line: int
    text: str
    kind: ScalarKind
    size: int = 1
    depth: int = 0


@dataclass(slots=True)
class YamlList:
    line: int
    items: list[YamlNode] = field(default_factory=list)
    size: int = 1
    depth: int = 1


@dataclass(slots=True)
class YamlMap:
    line: int
    entries: list[tuple[YamlScalar, YamlNode]] = field(default_factory=list)
    size: int = 1
    depth: int = 1


YamlNode = YamlScalar | YamlList | YamlMap


def plain_kind(text: str) -> ScalarKind:
    """What a word is that stands without quotes."""
    for kind, pattern in _PLAIN:
        if pattern.fullmatch(text):
            return kind
    return "text"


def yaml_tree(data: bytes, path: str) -> tuple[YamlNode, list[FileProblem]]:
    """The one document of a file, and the keys that are written twice. Raises ScenarioFileError,
    and nothing else, for any bytes that are no YAML, with the first place where they are none."""
    text = _text(data, path)
    builder = _Builder()
    try:
        for event in _events(text):
            builder.take(event)
    except _NotYaml as bad:
        raise ScenarioFileError(path, [*builder.problems, bad.problem]) from None
    if builder.root is None:
        remedy = "guestd load init writes an example"
        raise ScenarioFileError(path, [FileProblem(1, "", "is empty", remedy)])
    return builder.root, builder.problems


class _NotYaml(Exception):
    def __init__(self, line: int, problem: str, remedy: str = "") -> None:
        self.problem = FileProblem(line, "", problem, remedy)


def _text(data: bytes, path: str) -> str:
    problem: FileProblem | None = None
    if len(data) > FILE_BYTES_MAX:
        problem = FileProblem(1, "", "is larger than 1 MiB", "make several files of it")
    try:
        text = data[: FILE_BYTES_MAX + 1].decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = data.count(b"\n", 0, bad.start) + 1
        problem = problem or FileProblem(line, "", "is not in UTF-8", "save the file as UTF-8")
    if problem is not None:
        raise ScenarioFileError(path, [problem])
    return text


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    line = 1
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            line = event.start_mark.line + 1
            yield event
    except _NotYaml:
        raise
    except MarkedYAMLError as bad:
        mark = bad.problem_mark or bad.context_mark
        said = " ".join((bad.problem or bad.context or "is not understood").split())
        raise _NotYaml(mark.line + 1 if mark else line, f"is not YAML: {said}", _HINT) from None
    except ReaderError as bad:
        line = text.count("\n", 0, bad.position) + 1
        remedy = r'write it as "\xNN" or "\uNNNN"'
        raise _NotYaml(line, "has a character that YAML does not allow", remedy) from None
    except (ArithmeticError, LookupError, TypeError, ValueError):
        # of the library: escapes and numbers that it does not expect
        raise _NotYaml(line, "is not YAML: something is not understood", _HINT) from None


_HINT = "check colons, quotes and indentation just before it"


class _Builder:
    """Takes the events one after the other; `root` is the finished document."""

    def __init__(self) -> None:
        self.root: YamlNode | None = None
        self.problems: list[FileProblem] = []
        self._open: list[YamlList | YamlMap] = []
        self._keys: list[YamlScalar | None] = []
        #: Of each open mapping: where the entry of a key is.
        self._places: list[dict[str, int]] = []
        self._anchors: dict[str, YamlNode | None] = {}
        self._names: list[str | None] = []

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        match type(event).__name__:
            case "DocumentStartEvent" if self.root is not None:
                raise _NotYaml(line, "is a second document", "put it into a file of its own")
            case "ScalarEvent":
                scalar = YamlScalar(line, _encodable(event.value, line), _kind(event, line))
                self._finished(scalar, event.anchor)
            case "AliasEvent":
                self._finished(self._aliased(event.anchor, line), None)
            case "SequenceStartEvent":
                self._begin(YamlList(line), event)
            case "MappingStartEvent":
                self._begin(YamlMap(line), event)
            case "SequenceEndEvent" | "MappingEndEvent":
                self._keys.pop()
                self._places.pop()
                self._finished(self._open.pop(), self._names.pop())

    def _begin(self, node: YamlList | YamlMap, event: Any) -> None:
        if event.tag not in (None, *_STRUCTURES):
            raise _NotYaml(node.line, f"has the tag {event.tag}", "leave the tag out")
        self._check_depth(node)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(node)
        self._keys.append(None)
        self._places.append({})
        self._names.append(event.anchor)

    def _check_depth(self, node: YamlNode) -> None:
        """With what an alias names, which may be deep itself."""
        if len(self._open) + node.depth > DEPTH_MAX:
            raise _NotYaml(node.line, f"is nested deeper than {DEPTH_MAX} levels", "nest it less")

    def _aliased(self, name: str, line: int) -> YamlNode:
        found = self._anchors.get(name)
        if found is None:
            is_open = name in self._anchors
            problem = "stands inside of what it names" if is_open else "is not an anchor above"
            raise _NotYaml(line, f"*{name} {problem}", f"write it out, or set &{name} before it")
        return found

    def _finished(self, node: YamlNode, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        self._check_depth(node)
        parent = self._open[-1]
        parent.depth = max(parent.depth, node.depth + 1)
        parent.size += node.size
        if parent.size > NODES_MAX:
            raise _NotYaml(node.line, f"is more than {NODES_MAX} values with its aliases written "
                           "out", "use fewer aliases")  # fmt: skip
        if isinstance(parent, YamlList):
            parent.items.append(node)
        elif self._keys[-1] is None:
            if not isinstance(node, YamlScalar):
                raise _NotYaml(node.line, "has a list or mapping as a key", "write a word")
            self._keys[-1] = node
        else:
            self._entry(parent, self._keys[-1], node)
            self._keys[-1] = None

    def _entry(self, parent: YamlMap, key: YamlScalar, node: YamlNode) -> None:
        if isinstance(node, YamlScalar) and not node.text:
            node.line = key.line  # what is not written stands nowhere
        if key.text == "<<" and key.kind == "text":
            self._merge(parent, key, node)
            return
        place = self._places[-1].setdefault(key.text, len(parent.entries))
        if place == len(parent.entries):
            parent.entries.append((key, node))
        elif parent.entries[place][0].size:
            self._twice(key, parent.entries[place][0])
        else:  # merged before: what stands here counts more
            parent.entries[place] = (key, node)

    def _twice(self, key: YamlScalar, other: YamlScalar) -> None:
        if len(self.problems) >= PROBLEMS_MAX:
            return
        problem = f"stands twice, on lines {other.line} and {key.line}"
        self.problems.append(FileProblem(key.line, self._path(key), problem, "remove one of them"))

    def _path(self, key: YamlScalar) -> str:
        """The way to a key of the innermost mapping."""
        found = ""
        for node, name in zip(self._open[:-1], self._keys, strict=False):
            if isinstance(node, YamlList):
                found += f"[{len(node.items)}]"
            elif name is not None:
                found += f".{name.text}"
        return f"{found}.{key.text}".lstrip(".")

    def _merge(self, parent: YamlMap, key: YamlScalar, node: YamlNode) -> None:
        """`<<: *other`: its keys, where they are not written here. A size of 0 marks them."""
        others = node.items if isinstance(node, YamlList) else [node]
        for other in others:
            if not isinstance(other, YamlMap):
                raise _NotYaml(key.line, "<< must have a mapping", "name one by an alias")
            for one, value in other.entries:
                if self._places[-1].setdefault(one.text, len(parent.entries)) == len(
                    parent.entries
                ):
                    merged = YamlScalar(one.line, one.text, one.kind, size=0)
                    parent.entries.append((merged, value))


def _kind(event: Any, line: int) -> ScalarKind:
    if event.tag is None:
        return plain_kind(event.value) if event.style is None else "text"
    if event.tag == "!":
        return "text"
    if event.tag not in _TAGS:
        raise _NotYaml(line, f"has the tag {event.tag}", "leave the tag out")
    return _TAGS[event.tag]


def _encodable(text: str, line: int) -> str:
    """Escapes can make halves of a character, which no frame can carry."""
    if any("\ud800" <= one <= "\udfff" for one in text):
        raise _NotYaml(line, "has half a character", r'write it whole, as in "\U0001F600"')
    return text
