"""The target file: every address, name, command and limit of one deployment."""
