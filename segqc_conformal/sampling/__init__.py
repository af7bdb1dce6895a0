"""Stage 1: from an image to samples, one probability tensor at a time."""
