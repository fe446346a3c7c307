"""Keypoints from video: pose estimators on the CPU, people over time, and who is chosen."""
