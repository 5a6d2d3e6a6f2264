"""Words: ids, signals, requests, commands, events, effects, endings, errors, ports. Plain values,
no behavior."""
