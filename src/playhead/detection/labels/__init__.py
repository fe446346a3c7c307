"""Boxes in still images: label formats. Start with `read` and `write`.

`layout` detects what a folder contains, `yolo`, `voc`, `coco` and `csv` parse one format each, and
`pairing` matches labels to image files and predictions to the ground truth.
"""
