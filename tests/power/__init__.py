"""The suite's power: it must turn red on each seeded fault, stay green on a healthy lab, and refuse bad input."""
