"""``max-whisper bench load``: how many people a server can listen to at once before their words come late."""
