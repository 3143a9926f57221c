"""Stand-ins for services that no registry has: each answers as the real API does, errors included."""
