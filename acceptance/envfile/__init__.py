"""The env file with the flags: read as the services read it, changed without touching anything else."""
