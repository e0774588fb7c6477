"""What keeps a command from doing its work, or ends the sandbox."""


class Trouble(Exception):
    """A command can't do its work; the text is one line that says why and the way out."""


class CantStart(Trouble):
    """The sandbox can't run."""


class StageDied(Exception):
    """A stage ended by itself, and takes the sandbox with it; the text says which, and why."""
