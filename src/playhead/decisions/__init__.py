"""From scores to events, in NumPy and SciPy."""
