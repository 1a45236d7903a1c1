"""What can go wrong between a checkpoint and a model that runs."""


class ModelLoadError(Exception):
    """The model cannot be brought up on this machine.

    The message says what failed, which value, and what to do; it is shown to the user as it is.
    """
