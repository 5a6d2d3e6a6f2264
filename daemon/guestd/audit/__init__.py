"""The audit log: one hash-chained line for each audited event of the journal."""
