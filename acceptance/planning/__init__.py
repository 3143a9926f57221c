"""The dry run: what a run would do, told and not done."""
