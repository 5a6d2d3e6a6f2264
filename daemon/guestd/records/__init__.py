"""What outsiders are told, and what is kept for those who ask later: webhooks and the audit, both
read from the journal."""
