"""Labelled images: boxes in still images. `read` and `write` are the way in and out.

`layout` tells what a folder holds, `yolo`, `voc`, `coco` and `csv` parse one format each, `pairing`
matches labels to image files and predictions to the ground truth.
"""
