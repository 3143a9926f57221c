"""Makes the helpers beside this file (`small_target`, `record_samples` ...) importable from each room's folder."""
