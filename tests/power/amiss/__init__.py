"""Plugins for a run in which one thing goes amiss: ``-p tests.power.amiss.NAME``."""
