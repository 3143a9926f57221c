"""The record of a run: drawn from the event log, never from memory."""
