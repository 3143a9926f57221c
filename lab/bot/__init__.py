"""butler-bot: the dialogue gateway, with its old and its new way of keeping dialogue contexts."""
