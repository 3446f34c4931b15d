"""Measures two artifacts in fresh processes; judges nothing."""
