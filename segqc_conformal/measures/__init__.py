"""Stage 3, first half: what is measured of one judged structure, each as numbers with names."""
