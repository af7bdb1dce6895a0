"""A quality net on the hippocampus volumes: how long it trains, and what its feature is worth.

``python benchmarks/quality_net.py`` prints a table. Fitted nets and judged cases are kept in the
cache folder of `hippocampus_cases`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence

import pandas as pd
import torch
from hippocampus_cases import (
    STRUCTURES,
    LazyCases,
    cache_folder,
    held_out_patients,
    image_folders,
    members,
    pool_patients,
)
from hippocampus_cases import features as plain_features
from kept_cases import MAPS, KeptCases, Pair
from scipy.stats import spearmanr

import segqc_conformal as sq
from segqc_conformal.features.extractor import FeatureExtractor
from segqc_conformal.quality.net import (
    CrossFittedNet,
    QualityCase,
    QualityNet,
    cross_fit,
    judged_cases,
)

NET = QualityNet(STRUCTURES, inputs=("image", "mask", *MAPS), grid=(32, 48, 32), margin_mm=5.0)
VERSIONS = ("clean", "degraded")


def kept_cases(wanted: Sequence[Pair]) -> KeptCases:
    """Return the quality cases of pairs of patient and version."""
    extractor = FeatureExtractor(None, sq.DeepEnsemble(members()), STRUCTURES)

    def judged(missing: Sequence[Pair]) -> Iterator[QualityCase]:
        return judged_cases(LazyCases(missing, *image_folders()), extractor, MAPS)

    return KeptCases(cache_folder() / "quality_cases", wanted, judged)


def fit_patients() -> list[str]:
    """Return the 110 of the 220 held-out patients that fit, none of them a final-test patient."""
    images = image_folders()[0]
    held_out, pool = held_out_patients(images), pool_patients(images)
    return pool[: len(held_out) // 2]


def fitted_net(net: QualityNet = NET, folds: int = 5) -> tuple[CrossFittedNet, dict[str, float]]:
    """Return the nets cross-fitted on the fit patients, from the cache, and the seconds it took."""
    name = hashlib.sha256(repr(net).encode()).hexdigest()[:12]
    folder = cache_folder() / "quality_nets" / name
    if (folder / "seconds.json").exists():
        return CrossFittedNet.load(folder), json.loads((folder / "seconds.json").read_text())
    patients = fit_patients()
    # judged before the clock starts: that is the segmentation model's time
    cases = kept_cases([(patient, version) for patient in patients for version in VERSIONS])
    wall, cpu = time.perf_counter(), time.process_time()
    crossed = cross_fit(net, cases, patients, folds, progress=_told)
    seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    crossed.save(folder)
    (folder / "seconds.json").write_text(json.dumps(seconds))
    return crossed, seconds


def _told(words: str) -> None:
    if "epoch" in words:
        print(words, file=sys.stderr, flush=True)


def features(
    versions: Sequence[str], patients: Sequence[str] | None = None, net: QualityNet = NET
) -> pd.DataFrame:
    """Return the feature table of held-out patients with the net's columns and ``version``.

    Fit patients (`fit_patients`) have out-of-fold values, all others the mean of the nets.
    """
    chosen = held_out_patients(image_folders()[0]) if patients is None else patients
    wanted = [(patient, version) for version in versions for patient in chosen]
    plain = plain_features(wanted, sq.DeepEnsemble(members()))
    return fitted_net(net)[0].features(plain, kept_cases(wanted))


def worth(table: pd.DataFrame, patients: Sequence[str]) -> pd.DataFrame:
    """Tabulate Spearman correlation with the true Dice and mean absolute error."""
    rows = table[table["patient_id"].isin(patients)]
    found = []
    for (version, structure), part in rows.groupby(["version", "structure"]):
        for name in ("net_dice", "soft_dice_confidence"):
            values = part[f"feature_{name}"]
            rank = spearmanr(values, part["dice"]).statistic
            error = float((values - part["dice"]).abs().mean())
            found.append((version, structure, name, len(part), rank, error))
    return pd.DataFrame(
        found, columns=["version", "structure", "feature", "cases", "Spearman", "mean abs. error"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--final", action="store_true", help="also judge the final-test patients")
    final = parser.parse_args().final
    images = image_folders()[0]
    fit, pool = fit_patients(), pool_patients(images)
    rest = [patient for patient in pool if patient not in set(fit)]
    last = [patient for patient in held_out_patients(images) if patient not in set(pool)]
    _, seconds = fitted_net()
    print(
        f"cross-fit with {torch.get_num_threads()} threads: {seconds['wall']:.0f} s, of which the "
        f"processor worked {seconds['cpu']:.0f} s"
    )
    table = features(VERSIONS, [*fit, *rest, *(last if final else [])])
    groups = {
        "fit (out of fold)": fit,
        "pool, unseen": rest,
        **({"final test": last} if final else {}),
    }
    for name, patients in groups.items():
        print(f"\n{name}, {len(patients)} patients")
        print(worth(table, patients).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
