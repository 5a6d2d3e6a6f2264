"""What a frontend gives that is not known: refused by its name, with the nearest that is known.

A typing error would otherwise be a setting that is not obeyed, without a word."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ..model.errors import CommandError
from ..model.json_values import printable


def unknown_field(name: str, known: Iterable[str], place: str) -> CommandError:
    """`place`: where it stands."""
    shown, words = printable(name, 64), sorted(known)
    near = get_close_matches(shown, words, 1, cutoff=0.75)
    advice = f"did you mean {near[0]}?" if near else f"known: {', '.join(words)}"
    return CommandError(f"{shown!r} is unknown in {place}; {advice}", field=shown)
