"""Holds `strop run`: flags, the stream of answers, the board."""
