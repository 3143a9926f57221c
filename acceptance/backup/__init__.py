"""Backups that were restored once, and how long they are kept."""
