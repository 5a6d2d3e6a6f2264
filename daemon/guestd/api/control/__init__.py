"""The control API: `/v1/…`, for programs that open guest sessions, speak, read and watch through
this daemon."""
