"""Templates: the only door to Jinja2 for mail.

`catalogue` reads the folders, `template` renders, `sandbox` holds the bounds, `plaintext` makes a
text part of an HTML one.
"""
