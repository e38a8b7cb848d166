"""Tickets: what opens the live feed once, for browsers' EventSource, which can't send a token."""
