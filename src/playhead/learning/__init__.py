"""Training: blocks, encoders, the loop, export. Needs the extra [train]."""

import os

# Waiting threads of torch spin on cores that the loader and other programs need: on two busy cores
# training is about four times as fast if they sleep. Read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
