"""Reads finished artifacts: operations, types, delegation, counts."""
