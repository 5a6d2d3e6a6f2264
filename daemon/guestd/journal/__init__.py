"""Where events become durable, and the work beside them: in memory, or on disk. The port is
`model.ports.Journal`."""
