"""Sound in: sources, the ring of recent samples, and the gate that finds utterances.  Knows nothing of text."""
