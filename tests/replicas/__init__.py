"""Whole services as processes on one real Cassandra: together, killed, paused, and when the store fails."""
