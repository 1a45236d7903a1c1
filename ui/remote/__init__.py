"""The client of a max-whisper server elsewhere: its own protocol, spoken from the other side."""
