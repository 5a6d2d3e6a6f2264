"""The emulated platform as a pure machine: no sockets, no clock, one seeded `Random`."""
