"""`sandbox-mta lint` and `sandbox-mta address`: files in, findings out.

`messages` reads files and mailboxes, `run` lints them, and a module each writes a format.
"""
