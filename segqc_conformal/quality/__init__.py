"""Stage 4, features to quality: predicted Dice and its scale."""
