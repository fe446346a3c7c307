"""Trained models on disk and what runs them, without torch."""
