"""From event to submission: Kafka records in, SMTP submissions and outcomes out.

No database of ours: what it needs of the outside stands in `bridge.ports`.
"""
