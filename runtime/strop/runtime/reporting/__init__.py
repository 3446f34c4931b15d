"""Presents a check in common terms, and renders it for people, CI and dashboards."""
