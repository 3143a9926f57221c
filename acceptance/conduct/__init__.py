"""What changes a target, and undoes it: one party, journalled, in a process that outlives the run."""
