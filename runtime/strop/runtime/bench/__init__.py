"""Measures latency, cold start and sustained load of one artifact."""
