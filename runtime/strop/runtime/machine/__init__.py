"""Describes the computer, its load and its temperature."""
