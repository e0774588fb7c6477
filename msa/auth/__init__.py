"""What the outside says of a sender: DKIM and ARC signatures, SPF and DMARC records, exchangers.

Everything here is pure over a `Resolver`: it asks names and judges answers, and knows no socket.
"""
