"""Decides the integers: calibration, equalization, ranges, scales, rounding, bias correction."""
