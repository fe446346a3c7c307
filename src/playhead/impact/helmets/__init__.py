"""The helmet network: where helmets are in single frames, learnt from the boxes of all helmets."""
