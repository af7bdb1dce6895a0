"""Stage 2: samples to maps and structure features, in one streaming pass."""
