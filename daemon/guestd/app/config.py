"""The configuration: its sections, each the settings class of the package that uses it.

One TOML file, over it `GUESTD_SECTION__KEY` from the environment, over that the command line.
Unknown keys are refused. The order is that of `config.example.toml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..api.settings import ApiSettings, SimulatorSettings
from ..audit.settings import AuditSettings
from ..identity.settings import IdentitySettings
from ..journal.settings import JournalSettings
from ..operations.settings import OperationsSettings
from ..platform.settings import PlatformSettings, RestSettings
from ..session.settings import (
    AttachmentSettings,
    HeartbeatSettings,
    HistorySettings,
    InboxSettings,
    LifetimeSettings,
    MessageSettings,
    ReconnectSettings,
)
from ..supervisor.settings import AdmissionSettings, LimitSettings
from ..transport.settings import TransportSettings
from ..webhooks.settings import WebhookSettings
from .settings import DrainSettings, EmbeddedEmulatorSettings, LogSettings


class Config(BaseModel):
    """Every section with its defaults; each field is documented, and bounded, in its class."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    platform: PlatformSettings = PlatformSettings()
    journal: JournalSettings = JournalSettings()
    limits: LimitSettings = LimitSettings()
    sessions: LifetimeSettings = LifetimeSettings()
    messages: MessageSettings = MessageSettings()
    attachments: AttachmentSettings = AttachmentSettings()
    inbox: InboxSettings = InboxSettings()
    history: HistorySettings = HistorySettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    reconnect: ReconnectSettings = ReconnectSettings()
    admission: AdmissionSettings = AdmissionSettings()
    transport: TransportSettings = TransportSettings()
    simulator: SimulatorSettings = SimulatorSettings()
    api: ApiSettings = ApiSettings()
    rest: RestSettings = RestSettings()
    operations: OperationsSettings = OperationsSettings()
    identity: IdentitySettings = IdentitySettings()
    webhooks: WebhookSettings = WebhookSettings()
    audit: AuditSettings = AuditSettings()
    drain: DrainSettings = DrainSettings()
    log: LogSettings = LogSettings()
    emulator: EmbeddedEmulatorSettings = EmbeddedEmulatorSettings()
