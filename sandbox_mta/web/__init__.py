"""The web: Mailpit's API, our own, and the inbox for people; the only door to FastAPI."""
