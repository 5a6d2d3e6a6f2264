"""The admin API (`/__emulator/…`): look into the emulated platform, and make it act."""
