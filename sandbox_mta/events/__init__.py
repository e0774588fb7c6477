"""Status events: what became of a message, told to whoever listens.

`event` says what an event is, `outbox` where events wait, `sender` brings them to a listener:
`webhook`, in one of the shapes of `formats`, or `status_topic`.
"""
