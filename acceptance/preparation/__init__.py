"""What the Friday before asks for: ticket, staging records, security scan, flags."""
