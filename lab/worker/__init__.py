"""butler-worker: homework over the HW checker, and the review pipeline over `long_tasks`."""
