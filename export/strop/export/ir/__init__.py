"""Defines the deploy graph and runs it in float; no decision is made here."""
