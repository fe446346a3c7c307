"""Trained models on disk, and running them without torch."""
