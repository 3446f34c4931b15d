"""p50 over time, from the bench records and check reports that a folder holds."""
