"""The simulated MTA: MX lookup, delivery, retries and reports; it never opens a connection."""
