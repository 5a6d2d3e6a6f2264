"""Webhooks: collected from the journal, signed, and delivered at least once and in order."""
