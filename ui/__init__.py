"""Text to people and programs; also the composition root."""
