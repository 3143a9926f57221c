"""Talk to the bot as a user, and read what it keeps of the dialog."""
