"""Exact frames and sound: read, written, checked for damage."""
