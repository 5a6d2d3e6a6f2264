"""Files of the guest at the emulator's world."""

from __future__ import annotations

import pytest

from guestd.emulator.settings import Deployment


class TestAttachments:
    """§7, §3.10 to §3.14"""

    FILE = {"fileName": "a.png", "fileType": "image/png", "fileSize": 10}

    def test_a_slot_has_headers_and_an_url(self, guest):
        (slot,) = guest.ask("onAttachment", attachmentId="a1", **self.FILE)
        assert slot["class"] == "PresignedUrlResponse"
        assert (
            slot["body"]["attachmentId"] == "a1"
            and slot["body"]["headers"]
            and "/__storage/a1" in slot["body"]["url"]
        )

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"fileName": "x" * 1021 + ".png"}, 4005),
            ({"fileName": "noextension"}, 4004),
            ({"fileName": ".png"}, 4004),
            ({"fileName": "../a.png"}, 4004),
            ({"fileSize": None}, 4020),
            ({"fileSize": True}, 4020),
            ({"fileSize": 0}, 4102),
            ({"fileSize": 10_485_761}, 4002),
            ({"fileName": "a.EXE"}, 4001),
        ],
    )
    def test_what_is_refused(self, guest, change, code):
        (frame,) = guest.ask("onAttachment", attachmentId="a1", **{**self.FILE, **change})
        assert (frame["class"], frame["body"]["errorCode"]) == ("GenerateUrlError", code)
        assert frame["type"] == "response" and frame["code"] >= 400

    def test_types_are_the_deployments(self, new_platform):
        guest = new_platform(deployments=(Deployment(file_types=("image/*",)),)).guest()
        guest.configure()
        assert guest.ask("onAttachment", **self.FILE)[0]["class"] == "PresignedUrlResponse"
        refused = guest.ask(
            "onAttachment", **{**self.FILE, "fileName": "a.pdf", "fileType": "application/pdf"}
        )[0]
        assert refused["body"]["errorCode"] == 4001

    def test_it_can_be_sent_only_when_uploaded_and_deleted_only_when_not_sent(
        self, platform, guest
    ):
        guest.ask("onAttachment", attachmentId="a1", **self.FILE)
        content = [{"contentType": "Attachment", "attachment": {"id": "a1"}}]
        assert (
            guest.ask("onMessage", message={"type": "Text", "content": content})[0]["code"] == 4010
        )
        platform.world.sessions[guest.token].attachments["a1"].uploaded = True
        (echo,) = guest.ask("onMessage", message={"content": content})
        assert echo["body"]["type"] == "Text"
        attachment = echo["body"]["content"][0]["attachment"]
        assert (
            attachment["filename"],
            attachment["mime"],
            attachment["mediaType"],
            attachment["fileSize"],
        ) == (
            "a.png",
            "image/png",
            "Image",
            10,
        )
        assert guest.ask("deleteAttachment", attachmentId="a1")[0]["code"] == 4009
        refreshed = guest.ask("getAttachment", attachmentId="a1")[0]["body"]
        assert refreshed["headers"] == {} and refreshed["fileSize"] == 10

    def test_deleting(self, guest):
        guest.ask("onAttachment", attachmentId="a1", **self.FILE)
        assert (
            guest.ask("deleteAttachment", attachmentId="a1")[0]["class"]
            == "AttachmentDeletedResponse"
        )
        assert guest.ask("deleteAttachment", attachmentId="a1")[0]["code"] == 4009
