"""Impact: find when and where objects collide in videos, checked across two views."""
