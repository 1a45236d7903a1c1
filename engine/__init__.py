"""Sound to text: Whisper on MAX Graph and the streaming core.  Knows nothing of screens or sockets."""
