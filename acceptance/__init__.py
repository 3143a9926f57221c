"""The library of the Butler acceptance suite. It knows nothing of pytest and nothing of the lab."""
