"""The submission agent: octets and commands in, a `Submission` or a refusal out.

No database and no Kafka: what it needs of the outside stands in `msa.ports`.
"""
