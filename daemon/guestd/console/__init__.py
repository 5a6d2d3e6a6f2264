"""The console: the files of its page, and how they are served. The page itself is under `page/`;
`api/` serves it at `/`, `emulator/` at `/__emulator/`."""
