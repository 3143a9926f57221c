"""The embedded rehearsal stack: a small Butler with its infrastructure, started by `python -m lab serve`."""
