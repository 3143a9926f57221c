"""Plugins for a run in which one thing goes wrong: ``-p tests.power.broken.NAME``."""
