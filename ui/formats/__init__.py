"""Writers that put a transcript, or its events, into a file as it comes."""
