"""Input that means harm: it is refused, or it stays text wherever it goes."""
