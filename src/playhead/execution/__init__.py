"""Batch processing of files, each with a status; a failed file does not end the batch."""
