"""What tests of all rooms use."""

pytest_plugins = ["tests.cassandra.plugin"]
