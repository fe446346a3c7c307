"""Execution: work on many files, each with a status; a bad file never ends the batch."""
