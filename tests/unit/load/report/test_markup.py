"""Markup is escaped by construction: no text becomes an element, an attribute or invisible."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.report.markup import Markup, document, h, joined, style

HOSTILE = st.one_of(
    st.text(),
    st.sampled_from([
        "<script>alert(1)</script>", '" onload="x', "' onclick='x", "</style><img src=x>", "]]>",
        "<!--", "&lt;b&gt;", "\x00\x1b[2J\u202eabc", "\ud800", "</title></head>", "javascript:x",
    ]),
)  # fmt: skip


class Seen(HTMLParser):
    """What a reader of HTML makes of it."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


@given(HOSTILE, HOSTILE)
def test_text_stays_text_and_an_attribute_stays_one(text, named):
    seen = Seen(h("p", {"class": named}, "[", text, "]"))
    assert [tag for tag, _ in seen.tags] == ["p"]
    assert [name for name, _ in seen.tags[0][1]] == ["class"]
    assert seen.text.startswith("[") and seen.text.endswith("]")


@given(HOSTILE)
def test_markup_that_was_formatted_is_text_again(text):
    one = h("b", {}, text)
    assert Seen(h("p", {}, f"{one}")).text == one
    assert Seen(h("p", {}, one + "")).text == one
    assert [tag for tag, _ in Seen(h("p", {}, one)).tags] == ["p", "b"]


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Cn"])))
def test_text_that_can_be_seen_is_not_changed(text):
    assert Seen(h("p", {}, text)).text == text


def test_what_cannot_be_seen_is_shown_as_its_number():
    shown = h("p", {}, "a\u202eb\x00c\ud800d\u200be\n\tf")
    assert shown == "<p>a‹U+202E›b‹U+0000›c‹U+D800›d‹U+200B›e\n\tf</p>"
    shown.encode()


@pytest.mark.parametrize("tag", ["script", "iframe", "img", "a", "P", "p onload"])
def test_other_elements_are_refused(tag):
    with pytest.raises(KeyError):
        h(tag)


@pytest.mark.parametrize("name", ["onclick", "href", "src", "style", 'a" b'])
def test_other_attributes_are_refused(name):
    with pytest.raises(KeyError):
        h("p", {name: "x"})


def test_a_sheet_that_ends_its_element_is_refused():
    assert style("p { color: red }") == "<style>p { color: red }</style>"
    with pytest.raises(ValueError):
        style("</style>")


def test_shapes_lists_and_what_is_none():
    assert h("rect", {"x": 1.5, "y": 2, "width": 3.0, "class": None}) == (
        '<rect x="1.5" y="2" width="3"/>'
    )
    assert h("p", {}, None, ["a", [h("b", {}, "c")], None]) == "<p>a<b>c</b></p>"
    assert isinstance(joined("a", h("b")), Markup)
    assert document(h("body")) == '<!doctype html>\n<html lang="en"><body></body></html>\n'
