"""What acts on the target: uploads, archives, attacks, and looks at its files and scanner."""
