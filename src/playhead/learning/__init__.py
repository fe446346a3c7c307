"""Training: blocks, encoders, the loop, export. Needs the extra [train]."""

import os

# Threads of torch spin while they wait, on cores that the loader and other programs need: on two
# busy cores training is some four times as fast when they sleep. Read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
