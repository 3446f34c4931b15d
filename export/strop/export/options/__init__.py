"""States what an export is asked for; nothing here does any of it."""
