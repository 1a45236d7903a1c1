"""Wire formats, one a file: messages ⇄ commands and events, no I/O."""
