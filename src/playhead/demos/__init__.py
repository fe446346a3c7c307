"""Demos: each shows a job on generated videos, from the world to the report."""
