"""Stand in for Telegram towards a staging bot, so that it can be talked to as by its users."""
