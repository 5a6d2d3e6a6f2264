"""What the address of a frontend's socket may ask for, and how the rest is refused."""

from __future__ import annotations

import unicodedata

import pytest
from multidict import MultiDict

from guestd.api.frontend_address import PARAMETERS, address_from_query
from guestd.model.errors import CommandError


def address(**query):
    return address_from_query(MultiDict(query), lambda: "0123456789abcdef-")


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ([("guest", "ana"), ("sinse", "1")], "sinse", "'sinse' is unknown in the address; did you"),
        ([("quest", "ana")], "quest", "did you mean guest?"),
        ([("v", "2")], "v", "known: access_token, create, details, email, guest"),
        ([("guest", "ana"), ("guest", "bo")], "guest", "guest is given twice"),
        ([("\ud800" * 99, "")], "?" * 64, "is unknown"),
    ],
)
def test_a_parameter_that_is_not_known_or_comes_twice_is_refused_by_name(query, field, said):
    with pytest.raises(CommandError) as refused:
        address_from_query(MultiDict(query), lambda: "x")
    assert (refused.value.field, refused.value.code) == (field, "invalid")
    assert said in str(refused.value)


def test_all_that_is_documented_is_taken():
    given = dict.fromkeys(PARAMETERS, "") | {"guest": "ana", "since": "3", "create": "false"}
    found = address(**given)
    assert (found.name, found.since, found.may_create) == ("ana", 3, False)


@pytest.mark.parametrize(
    "name", ["zoë", "Łukasz", "Ольга", "王小明", "अनिता", "نورة", "ana.b+c@d-e_1"]
)
def test_a_name_has_letters_of_any_script(name):
    assert address(guest=name).name == unicodedata.normalize("NFC", name)


def test_a_name_is_the_same_however_it_was_typed():
    assert address(guest="zoe\u0308").name == address(guest="zo\u00eb").name == "zo\u00eb"


@pytest.mark.parametrize(
    "name",
    [
        " ",
        "a b",
        "a/b",
        "a\n",
        "\u0308a",
        "a\u202eb",
        "a\u200bb",
        "a\x00",
        "x" * 65,
        "🙂",
        ".",
        "..",
        ".a",
    ],
)
def test_what_is_blank_invisible_no_letter_or_a_directory_is_no_name(name):
    with pytest.raises(CommandError, match="guest must be a name of 1 to 64 letters") as refused:
        address(guest=name)
    assert refused.value.field == "guest"
