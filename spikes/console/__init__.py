"""The management listener: probes, metrics and the admin console, never on the public port."""
