"""The tables that carry effects and inputs have a row for each of them: one that is missing would
end guest sessions."""

from __future__ import annotations

from typing import get_args

import pytest

from guestd.api.event_schemas import names_of
from guestd.model.commands import Command
from guestd.model.effects import Accept, Effect
from guestd.model.events import AcceptedEvent, Event
from guestd.model.signals import Signal
from guestd.session.commands import _FIELDS
from guestd.session.inputs import OwnInput
from guestd.session.machine import _STEPS
from guestd.session.states import LEGAL
from guestd.supervisor.runner import Runner


@pytest.mark.parametrize("effect", get_args(Effect))
def test_every_effect_is_performed(effect):
    assert effect in Runner._PERFORM


@pytest.mark.parametrize("event", get_args(Event))
def test_every_event_is_recorded(event):
    """An accepted command's comes with its intent."""
    wanted = Accept if event is AcceptedEvent else event
    assert wanted in Runner._PERFORM and wanted in get_args(Effect)


@pytest.mark.parametrize("event", get_args(Event))
def test_every_event_names_a_field_of_its_own_as_its_key(event):
    assert event.KEY == "" or event.KEY in names_of(event)


@pytest.mark.parametrize("given", [*get_args(OwnInput), *get_args(Signal)])
def test_every_input_has_its_step(given):
    assert given in _STEPS


@pytest.mark.parametrize("given", get_args(OwnInput))
def test_every_input_of_our_own_says_where_it_is_legal(given):
    assert given in LEGAL


@pytest.mark.parametrize("command", get_args(Command))
def test_every_command_is_checked_field_by_field(command):
    assert _FIELDS[command]
