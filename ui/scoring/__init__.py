"""What a reader saw of a stream, held against what was said in it: one measure for every program."""
