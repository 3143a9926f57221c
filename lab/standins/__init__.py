"""Stand-ins for services that cannot be had: each answers as the real API does, errors included."""
