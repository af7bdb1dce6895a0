"""What the page says of each data set, and what the figures of both do not say."""

from __future__ import annotations

from typing import Any

TITLES = {"hippocampus": "Hippocampus", "nuclei": "Nuclei"}
_DATA = {
    "hippocampus": """
Medical Segmentation Decathlon Task04 (MR, 1 mm, CC BY-SA 4.0), the fused mask of an ensemble of
five U-Nets that saw none of these patients. Degraded scans have one of six faults of random
strength (noise, blur, bias field, motion ghosts, thick slices, lost field of view); the reference
mask stays that of the good scan.""",
    "nuclei": """
Data Science Bowl 2018, stage 1 (fluorescence microscopy, CC0), the fused mask of an ensemble of
five U-Nets that saw none of these tiles. Each tile is cut from an image of its own and counts as a
patient. The splits draw from one half of the held-out tiles, in the order of a hash; by the other
half methods were chosen and the floor is measured. As many are drawn as of the hippocampus, so that
the two can be compared. Degraded tiles have one fault of microscopy of random strength; the
reference mask stays that of the good image.""",
}


def about(data: str, figures: dict[str, Any]) -> str:
    """Write the title, how the figures were made, and what the images are."""
    sizes = figures["sizes"]
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    return f"""## {TITLES[data]}: {figures["splits"]} splits of {figures["patients"]} patients

`python benchmarks/splits.py --data {data} --write-docs`: {figures["date"]}, {figures["machine"]},
{figures["minutes"]} minutes; {versions}.
{_DATA[data]} Each split draws {sizes["fit"]} patients to
fit, {sizes["calibration"]} to calibrate and {sizes["test"]} to test."""


LIMITS = """### What the figures of the splits do not say

- The splits reuse the same patients, so they are not independent: intervals of differences are by
  patient, over the splits in which the patient was tested, and treat the drawn fit and calibration
  sets as given.
- The default predictor was made by looking at widths of the hippocampus pool (160 of the 220
  patients; an early version also at the 60 others) and of the half of the nuclei that the splits
  do not draw from. Our widths are to that extent optimistic on the hippocampus, see the column
  "unseen"; coverage and acceptance hold whatever the predictor.
- MAPIE's intervals here are its defaults (absolute residuals; quantile boosting for CQR). On the
  same predictions with plain residuals its intervals and ours are equal (a test checks it): the
  narrower width is the work of quality predictor and scale, not of the conformal step.
- The performance range (Wundram et al. 2024, arXiv 2407.13307) is a reconstruction: five members
  hold no 5 % quantile, so it is interpolated between the two smallest values; the standard
  deviation, at least 0.005, takes the place of the variance that their code divides by without a
  floor; the rank is exact where theirs is interpolated. It learns from no reference mask but the
  calibration patients', so it needs no fit patients, which are not given to its calibration here.
- MAPIE's controller gets our accept score as a rank among the fit patients, its default grid of 100
  thresholds, and Bonferroni, which certified more than its Holm default and its fixed sequence in
  a simulation; its certificates are valid. Ours tests fewer thresholds in a fixed order that starts
  where certification is likely.
- The floor holds for these features, models and numbers of patients; another network, more samples
  or another kind of feature may explain more. One reader's reference mask is taken as true: part of
  the residual is that reader's own variability, which one reading cannot show.
- Degradations are simulated; two data sets, one ensemble each."""
