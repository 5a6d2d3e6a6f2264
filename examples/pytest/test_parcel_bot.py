"""The flow of a parcel bot, on a good day and on a bad one.

pip install pytest            # where guestd is installed
pytest examples/pytest
"""

from __future__ import annotations


def test_a_parcel_is_found_by_two_questions(customer):
    customer.says("Where is my parcel?")
    customer.chooses("A-1043", customer.hears("Which one?"))
    customer.hears("A-1043 arrives today.")


def test_what_the_bot_does_not_know_leads_to_a_person(customer):
    customer.says("hello")
    customer.hears("I know where parcels are")
    customer.says("Tell me a joke")
    customer.hears("Write 'agent'")
    customer.says("agent")
    assert customer.hears("this is Mira")["bot"] is False


def test_lost_connections_lose_no_word_and_repeat_none(customer, faults):
    faults(
        {"kind": "drop", "every": 4},
        {"kind": "reorder", "rate": 0.3, "ms": 200},
        {"kind": "duplicate", "rate": 0.3},
    )
    for n in range(8):
        customer.says(f"Is parcel {n} there?")
        customer.hears("Which one?")
    assert [one for one in customer.transcript() if one.startswith("Is")] == [
        f"Is parcel {n} there?" for n in range(8)
    ]
    assert customer.transcript() == customer.record()


def test_a_platform_that_refuses_a_while_is_asked_again(customer, faults):
    faults({"kind": "throttle", "count": 2, "retry_after_s": 1})
    customer.says("Where is my parcel?")
    customer.hears("Which one?")
