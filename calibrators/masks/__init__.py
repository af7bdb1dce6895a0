"""Stage 5 for the masks themselves: certified thresholds on probabilities and margins in mm."""
