"""What a run is meant to do, in words: how many guests, when they come, and for how long."""

from __future__ import annotations

from ..scenario.file import LoadModel
from .texts import count, duration, some


def plan_in_words(model: LoadModel) -> str:
    """20 guests at a time, 2 more a second until all are there, for 5 min."""
    length = f", for {duration(model.run_time_s * 1000)}" if model.run_time_s else ""
    return f"{_guests(model)}{length}"


def _guests(model: LoadModel) -> str:
    top = max((stage.at_end for stage in model.stages), default=0.0)
    is_level = all(stage.at_end == top for stage in model.stages)
    if model.kind == "open":
        rate = top or model.spawn_rate or float(model.users)
        return f"{'' if is_level else 'up to '}{count(rate)} new guests a second"
    if model.kind == "closed" and model.stages:
        return f"up to {some(int(top), 'guest')} at a time, in stages"
    how = "at a time" if model.kind == "closed" else "with one conversation each"
    more = f", {count(model.spawn_rate)} more a second" if model.spawn_rate else ""
    return f"{some(model.users, 'guest')} {how}{more}"
