"""The platform's REST side, as far as guest sessions need it: regions, deployment configuration,
history, OAuth, named calls."""
