"""What several scripts in `scripts/ops/` share."""
