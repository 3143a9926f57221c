"""Stages: their numbers, their flow, their watch and their soak; judging is pure."""
