"""The flow of a stage: its session, soak, watch and re-checks."""
