"""Prompts on the agent's screen, and what the agent did with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guestd.emulator.platform_api.analytics import METRICS

from .platform_client import CONVERSATION, PROMPT, START, PlatformClient, prompt

PROMPTS = "/api/v2/agent-assist/prompt-injections"
QUERY = "/api/v2/analytics/events/query"


@pytest.fixture
def client() -> PlatformClient:
    found = PlatformClient(limits={"rest_calls_per_client_per_minute": None})
    found.open(metadata__sessionDurationLimit=2700)
    return found


class TestPrompts:
    @pytest.mark.parametrize(
        ("change", "place"),
        [
            ({"conversationId": "x"}, "conversationId"),
            ({"promptId_": None}, "promptId"),
            ({"triggerConditions": [{"type": "keyword", "value": "x"}] * 6}, "triggerConditions"),
            ({"triggerConditions": [{"type": "mood", "value": "x"}]}, "triggerConditions[0].type"),
            ({"triggerConditions": [{"type": "keyword"}]}, "triggerConditions[0].value"),
            ({"triggerConditions__0__threshold": 1.01}, "triggerConditions[0].threshold"),
            ({"displaySettings_": None}, "displaySettings.delayMs"),
            ({"displaySettings__delayMs": 499}, "displaySettings.delayMs"),
            ({"displaySettings__delayMs": 5001}, "displaySettings.delayMs"),
            ({"displaySettings__maxConcurrentPrompts": 4}, "displaySettings.maxConcurrentPrompts"),
            ({"displaySettings__maxConcurrentPrompts": 0}, "displaySettings.maxConcurrentPrompts"),
            ({"displaySettings__autoDismissMs": 9999}, "displaySettings.autoDismissMs"),
            ({"displaySettings__autoDismissMs": 60001}, "displaySettings.autoDismissMs"),
            ({"webhookUrl": "ftp://x"}, "webhookUrl"),
            ({"contextData": []}, "contextData"),
        ],
    )
    def test_assist_1_what_is_wrong_is_named(self, client, change, place):
        assert client.refused(400, "POST", PROMPTS, prompt(**change)).field == place

    def test_assist_1_no_conditions_are_fine(self, client):
        client.prompt(triggerConditions=[])

    @pytest.mark.parametrize("most", [1, 2, 3])
    def test_assist_2_a_full_screen_until_the_oldest_leaves(self, client, most):
        for _ in range(most):
            client.prompt(most)
            client.now += 1
        assert client.refused(409, "POST", PROMPTS, prompt(most)).code == "prompts.at.maximum"
        client.now += 30 - most - 0.001
        client.refused(409, "POST", PROMPTS, prompt(most))
        client.now += 0.001
        client.prompt(most)
        if most > 1:
            client.refused(409, "POST", PROMPTS, prompt(most))

    def test_assist_2_the_life_of_a_prompt(self, client):
        made = client.prompt().body
        path = f"{PROMPTS}/{made['id']}"
        for after_s, status in ((0, "PENDING"), (1, "SHOWN"), (28.9, "SHOWN"), (0.1, "DISMISSED")):
            client.now += after_s
            assert client.call("GET", path).body["status"] == status
        assert client.call("GET", PROMPTS, conversationId=CONVERSATION).body["total"] == 1
        client.refused(404, "GET", f"{PROMPTS}/none")

    def test_assist_2_only_into_a_running_conversation(self, client):
        client.refused(404, "POST", PROMPTS, prompt(conversation_id=PROMPT))
        client.call(
            "PATCH", f"/api/v2/conversations/messaging/{CONVERSATION}", {"status": "disconnected"}
        )
        client.refused(404, "POST", PROMPTS, prompt())

    def test_the_agent_waves_one_away_and_has_room(self, client):
        made = client.prompt(1).body
        client.now += 2
        found = client.api.prompts.get(made["id"])
        client.api.prompts.act(found, METRICS[2], client.now)
        client.prompt(1)


def query(start_s: float = -1, end_s: float = 3600, **more: object) -> dict[str, object]:
    def stamp(after_s: float) -> str:
        return (datetime.fromtimestamp(START, UTC) + timedelta(seconds=after_s)).isoformat()

    interval = f"{stamp(start_s)}/{stamp(end_s)}"
    return {
        "interval": interval,
        "metricNames": list(METRICS),
        "pageSize": 100,
        "entityIds": ["all"],
        **more,
    }


class TestAdoption:
    def fill(self, client: PlatformClient, prompts: int) -> None:
        for _ in range(prompts):
            client.prompt()
            client.now += 30

    @pytest.mark.parametrize(
        ("change", "place"),
        [
            ({"interval": "today"}, "interval"),
            ({"interval": "2026-01-02T00:00:00Z/2026-01-01T00:00:00Z"}, "interval"),
            ({"metricNames": []}, "metricNames"),
            ({"metricNames": ["calls"]}, "metricNames[0]"),
            ({"pageSize": 101}, "pageSize"),
            ({"pageSize": 0}, "pageSize"),
            ({"pageToken": "garbage!"}, "pageToken"),
            ({"pageToken": 7}, "pageToken"),
            ({"entityIds": [{}]}, "entityIds[0]"),
        ],
    )
    def test_assist_4_what_is_wrong_is_named(self, client, change, place):
        assert client.refused(400, "POST", QUERY, query(**change)).field == place

    def test_assist_4_pages_tell_every_event_once_even_while_new_ones_come(self, client):
        self.fill(client, 40)
        expected = client.api.analytics.until(client.now)
        reported, token, pages = [], {}, 0
        while True:
            page = client.call("POST", QUERY, query(pageSize=7, **token)).body
            reported += page["events"]
            pages += 1
            assert len(page["events"]) <= 7
            if "pageToken" not in page:
                break
            token = {"pageToken": page["pageToken"]}
            if pages == 3:
                client.prompt()
        assert [one["eventId"] for one in reported] == [one["eventId"] for one in expected]
        assert pages == -(-len(expected) // 7) and len(expected) > 40

    def test_assist_4_a_token_of_another_query(self, client):
        self.fill(client, 5)
        token = client.call("POST", QUERY, query(pageSize=1)).body["pageToken"]
        changed = query(pageSize=1, pageToken=token, metricNames=[METRICS[0]])
        assert client.refused(400, "POST", QUERY, changed).field == "pageToken"

    def test_assist_4_interval_names_and_entities_choose(self, client):
        self.fill(client, 20)
        everything = client.call("POST", QUERY, query()).body["events"]
        assert {one["metricName"] for one in everything} == set(METRICS)
        viewed = client.call("POST", QUERY, query(metricNames=[METRICS[0]])).body["events"]
        assert viewed == [one for one in everything if one["metricName"] == METRICS[0]]
        early = client.call("POST", QUERY, query(end_s=100)).body["events"]
        assert early == everything[: len(early)] and 0 < len(early) < len(everything)
        one = everything[0]["injectionId"]
        assert {
            event["injectionId"]
            for event in client.call("POST", QUERY, query(entityIds=[one])).body["events"]
        } == {one}

    def test_assist_4_what_has_not_come_true_is_not_told(self):
        client = PlatformClient(prompts_viewed=1.0, prompts_clicked=0.0)
        client.open()
        client.prompt()
        reported = []
        for after_s in (0.9, 0.1, 28.9, 0.1):
            client.now += after_s
            reported.append(
                [
                    one["metricName"][20:]
                    for one in client.call("POST", QUERY, query()).body["events"]
                ]
            )
        assert reported == [[], ["viewed"], ["viewed"], ["viewed", "dismissed"]]

    def test_the_agents_hand_overrules_chance(self):
        client = PlatformClient(prompts_viewed=1.0, prompts_clicked=0.0)
        client.open()
        made = client.prompt().body
        client.now += 5
        client.api.prompts.act(client.api.prompts.get(made["id"]), METRICS[1], client.now)
        client.now += 100
        reported = client.call("POST", QUERY, query()).body["events"]
        assert [one["metricName"][20:] for one in reported] == ["viewed", "clicked"]

    def test_a_seed_repeats_what_the_agent_does(self):
        reported = []
        for _ in range(2):
            client = PlatformClient(seed=7)
            client.open()
            self.fill(client, 10)
            reported.append(client.api.analytics.until(client.now))
        assert reported[0] == reported[1] and reported[0]
