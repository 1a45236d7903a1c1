"""What can go wrong between a checkpoint and a model that runs.

Each message says what failed, which value, and what to do; it is shown to the user as it is.
"""


class CheckpointError(Exception):
    """A checkpoint is missing, damaged, or not a Whisper."""


class ModelLoadError(Exception):
    """A sound checkpoint cannot be brought up on this machine."""


class OptionError(Exception):
    """The model cannot do what an option asks; the message names the value and what there is."""
