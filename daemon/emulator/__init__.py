"""A faithful, stateful, offline stand-in for Genesys Cloud web messaging. It is not the platform, and says so."""

from .server import Emulator
from .settings import DEFAULT_DEPLOYMENT_ID, EmulatorSettings

__all__ = ["DEFAULT_DEPLOYMENT_ID", "Emulator", "EmulatorSettings"]
