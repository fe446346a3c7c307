"""Postprocessing: from scores to events, detections and tracks, in NumPy and SciPy."""
