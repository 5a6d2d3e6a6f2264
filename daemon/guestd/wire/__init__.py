"""Frames ⇄ signals and requests. Two dialects, chosen once per daemon; they never meet in an
`if`."""
