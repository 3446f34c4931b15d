"""Holds `strop sweep`: flags and tables; the sweep itself is in strop.export.sweep."""
