"""What the suite itself depends on fails: each time INCONCLUSIVE or FAIL with the reason, in time, never PASS."""
