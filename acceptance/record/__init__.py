"""The record of a run: made from the event log."""
