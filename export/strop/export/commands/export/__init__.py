"""Holds `strop export`: flags, the request they make, and what is printed; no work is done here."""
