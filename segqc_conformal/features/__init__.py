"""Stage 3: from uncertainty to one row per structure, the feature table."""
