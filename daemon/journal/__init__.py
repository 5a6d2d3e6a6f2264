"""Where events become durable. Today in memory; the port is `model.ports.Journal`."""
