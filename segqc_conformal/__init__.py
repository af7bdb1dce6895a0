"""Conformal promises about segmentation quality."""
