"""Normalising: one data set out of scattered labels, with a count of every repair."""
