"""Shared asyncio and operating-system tools, free of the domain: a bounded task pool, one timer for
many deadlines, the clock, TLS contexts, the resolver, files and locks."""
