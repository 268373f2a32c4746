"""The shapes of answers, as JSON words: a file for each kind of thing."""
