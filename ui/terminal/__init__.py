"""The terminal: a pure state, a pure drawing of it, and the one place that writes to the screen."""
