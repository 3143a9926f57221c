"""Act as a user or as an attacker."""
