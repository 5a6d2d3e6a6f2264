"""The bounds and figures of REST operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge

from ..model.settings import Count, Doc, Seconds, SecondsOrZero
from ..policy.backoff import Backoff

#: What names a guest's contact in a conversation: its address, as the documents have it, or the id
#: that the platform gave it.
ContactReference = Literal["address", "id"]


@dataclass(slots=True, frozen=True)
class OperationsSettings:
    """REST operations: guests, injections, prompts, adoption reports."""

    under_way_max: Annotated[
        Count, Doc("Operations that are not over yet; one more is refused with overloaded.")
    ] = 1000
    calls_inflight_max: Annotated[
        Count,
        Doc(
            "Operations being worked on at once (and as many openings of REST sessions "
            "beside them); more wait in line, first come first served."
        ),
    ] = 64
    heartbeats_inflight_max: Annotated[
        Count, Doc("REST heartbeats on their way at once; more wait in line.")
    ] = 32
    remembered_max: Annotated[
        Count,
        Doc(
            "Finished operations that are listed; by its id an older one is found as long "
            "as the journal keeps it."
        ),
    ] = 200
    request_bytes_max: Annotated[
        int,
        Ge(1024),
        Doc(
            "A longer request is refused with too_large. A bound on memory: (under_way_max "
            "+ remembered_max) × this."
        ),
    ] = 262_144
    tries_max: Annotated[
        Count,
        Doc(
            "A step that failed for a passing reason is tried so often in all, with the "
            "same idempotency key, each try with the retries of [rest]."
        ),
    ] = 4
    rest_base_s: Annotated[
        Seconds,
        Doc(
            "Between tries there is a pause of min(base × 2^n + random(0..jitter), cap): its base."
        ),
    ] = 1.0
    rest_jitter_s: Annotated[SecondsOrZero, Doc("Its jitter.")] = 1.0
    rest_cap_s: Annotated[Seconds, Doc("Its cap.")] = 30.0
    retry_after_max_s: Annotated[
        Seconds,
        Doc(
            "The most that the platform's Retry-After may ask for between two tries of a "
            "step; it counts its own limits by the minute."
        ),
    ] = 60.0
    keys_remembered_s: Annotated[
        Seconds,
        Doc(
            "How long the platform remembers an idempotency key. A step whose outcome is "
            "unknown after that is looked up, never asked again."
        ),
    ] = 86_400.0
    session_duration_s: Annotated[Seconds, Ge(1), Doc("A REST messaging session's life.")] = 1800.0
    session_duration_max_s: Annotated[
        Seconds, Ge(1), Doc("The longest life that may be asked for.")
    ] = 2700.0
    heartbeat_interval_s: Annotated[
        Seconds,
        Doc(
            "A heartbeat every min(interval, duration / heartbeats_per_duration), up to a "
            "tenth sooner."
        ),
    ] = 30.0
    heartbeats_per_duration: Annotated[
        Count, Doc("At least so many heartbeats in a session's life.")
    ] = 10
    heartbeat_failures_max: Annotated[
        Count,
        Doc(
            "So many failures in a row end the session in an orderly way. A heartbeat that "
            "had no turn, in our own budget or by the platform's 429, is delayed, not "
            "failed."
        ),
    ] = 3
    prompt_deferrals_max: Annotated[
        Count, Doc("A prompt for a full screen is put off so many times.")
    ] = 20
    prompt_age_max_s: Annotated[Seconds, Doc("And until it is so old.")] = 3600.0
    adoption_prompts_max: Annotated[
        Count,
        Doc(
            "An adoption report keeps the counts of so many prompts apart; all others are "
            "counted together."
        ),
    ] = 1000
    adoption_pages_max: Annotated[Count, Doc("More pages than this end an adoption report.")] = (
        10_000
    )
    injection_key_in_body: Annotated[
        bool,
        Doc(
            "Send the idempotency key of an injection as idempotencyKey in its body too, as"
            " one of the documents does; the header always has it."
        ),
    ] = False
    contact_reference: Annotated[
        ContactReference,
        Doc(
            "What names a guest's contact in contactId of a conversation: its address "
            "(guest-<guestId>), as the documents have it, or the id that the platform gave "
            "it."
        ),
    ] = "address"

    def backoff(self) -> Backoff:
        """The pause between two tries of a step."""
        return Backoff(self.rest_base_s, self.rest_jitter_s, self.rest_cap_s, self.tries_max)
