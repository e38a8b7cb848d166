"""A real Cassandra on loopback for tests, and for developers: `python -m tests.cassandra.node start DIRECTORY`."""
