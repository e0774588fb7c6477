"""The inbox for people: server-rendered pages that work without script."""
