"""Notes: what people write."""
