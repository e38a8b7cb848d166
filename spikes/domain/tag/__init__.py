"""Tags: what notes are sorted by. Everybody may use one; its creator alone may change it."""
