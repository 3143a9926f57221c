"""The texts for people are generated as if nothing had been rolled back."""

from acceptance.record import texts

texts._undone = lambda _: []
