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


TRIED = """### What was tried for narrower intervals

Once, on the patients that methods may be chosen by: 14 splits of each world, 60 patients to fit,
the width of the others at the 73/81 quantile of their own residuals. Figures are widths over the
best of MAPIE's three, as means over the nine rows of the hippocampus / the three of the nuclei; two
means that differ by .01 are not told apart by so few splits.

- Averaging the candidates instead of choosing one of them: choosing .910 / .899, equal weights
  .896 / .855, weights width^-2 .895 / .837, width^-4 .894 / .838, width^-8 .894 / .849 (shipped:
  width^-4).
- Moving the prediction to the middle of the shortest interval of the residuals: .894 / .849
  before, .874 / .852 after; by half as much .884 / .849; for each structure by itself .881 / .858;
  moving it on the logit instead is the same.
- Moving the whole case by itself: clean .964 before, .900 after; mixed .827, .793; degraded .874,
  .825. The Dice of the worst structure lies below the worst prediction, and nothing else corrects
  that (shipped).
- Eleven features of agreement instead of four in one ridge: .871 / .842 before, .870 / .827 after
  (shipped).
- No help: a learned scale (chosen where narrower .876 / .840, always .898 / .868, against
  .870 / .827 without); a support vector regression or Huber's loss in place of the ridge; more
  powers of the scale; a choice within 2 % instead of 5 %. Two one-sided quantiles at half the
  miscoverage each, instead of one of absolute residuals: wider by 4 to 11 % on the hippocampus and
  by 5 to 19 % on the nuclei.

Where a row above says "no", the floor says why: on clean hippocampus scans, 60 fit patients leave
over 90 % of the variance of Dice unexplained and 120 still 85 %, no model finds more in the
residuals, and the shortest interval that holds 90 % of the Dice values without any feature is as
narrow as the predictor's."""

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
