"""Everything that is written down, in MySQL or SQLite; the only door to SQLAlchemy."""
