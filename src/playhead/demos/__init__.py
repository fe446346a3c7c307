"""Demos: each runs a job on generated videos, from the world to the report."""
