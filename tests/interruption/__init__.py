"""Interruptions: kill a run at any moment and look at what is left of it."""
