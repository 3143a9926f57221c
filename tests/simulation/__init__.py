"""Soaks by a virtual clock: how often the triggers of a stage roll back a good release, and how soon a bad one."""
