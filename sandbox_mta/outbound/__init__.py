"""What may speak to the outside, and only when a setting asks for it; nothing else dials out.

`live_dns` asks the name servers of this machine. `links` asks web servers whether the links of a
message lead somewhere, and `address` says which addresses may be connected to at all.
"""
