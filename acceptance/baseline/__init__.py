"""Before and after: raw samples, and their comparison by exact tests."""
