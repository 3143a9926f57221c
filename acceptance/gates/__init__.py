"""Measures, judging, triggers and statistics: numbers in, verdict out. Pure; imports nothing that acts or looks."""
