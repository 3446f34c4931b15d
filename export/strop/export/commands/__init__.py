"""Subcommands of `strop` that belong to the workstation."""
