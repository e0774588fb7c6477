"""Everything that is written down, in MySQL or SQLite; the only door to SQLAlchemy.

Importing this package imports no library: SMTP listens before the store is open, and the lint
worker needs no more of it than its own file.
"""
