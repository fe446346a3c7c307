"""Training: blocks, encoders, the loop, export. Needs the extra [train]."""
