"""Turns an image into a label: preparation, engine, scores, evaluation."""
