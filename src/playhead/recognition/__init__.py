"""Recognition: what a person does, from frames and from keypoints."""

WEIGHTS = ("mobilenet-v2", "pose-detection", "pose-landmark")
"""What `playhead weights get recognition` fetches."""
