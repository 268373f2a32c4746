"""Nothing: what a listener does that nobody has given."""


def noop(*_: object) -> None:
    """Do nothing."""
