"""The formats checkpoints come in, each read into the same ``StoredModel``."""
