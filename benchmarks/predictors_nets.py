"""Quality nets beside the other predictors, on a few splits: each is trained on fit patients alone.

``SEGQC_DATA=... python benchmarks/predictors_nets.py --write`` cross-fits a net in each of five
splits of each data set, and adds its figures to ``benchmarks/predictors.json``. Judged cases are
kept in the cache folder, so that an interrupted run goes on.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import hippocampus_cases
import nuclei_cases
import pandas as pd
import torch
from kept_cases import MAPS, KeptCases, Pair
from page import FOLDER, write_page
from predictors import data_set
from predictors_measure import DataSet, Outcome, measured, parts_of
from predictors_methods import DEFAULT, METHODS, single
from predictors_summary import summary

import segqc_conformal as sq
from segqc_conformal.features.extractor import FeatureExtractor
from segqc_conformal.quality.net import QualityCase, QualityNet, cross_fit, judged_cases

INPUTS = ("image", "mask", *MAPS)
FEATURE = "feature_net_dice"
NET, WITH_NET = "quality net", "default combination with the net"


class Images(NamedTuple):
    """How the cases of a data set are judged, and the net that reads them."""

    net: QualityNet
    members: list[sq.Predictor]
    cases: Any  # of pairs (patient, version): an iterable of cases
    names: Mapping[str, Any]  # patient id -> what `cases` calls the patient


def images(name: str) -> Images:
    """Return how the cases of a data set are judged."""
    if name == "hippocampus":
        folders = hippocampus_cases.image_folders()
        patients = hippocampus_cases.held_out_patients(folders[0])
        net = QualityNet(hippocampus_cases.STRUCTURES, INPUTS, grid=(32, 48, 32), margin_mm=5.0)
        cases = lambda wanted: hippocampus_cases.LazyCases(wanted, *folders)  # noqa: E731
        return Images(net, hippocampus_cases.members(), cases, {each: each for each in patients})
    tiles = [tile for version in ("clean", "shifted") for tile, _ in nuclei_cases.wanted(version)]
    net = QualityNet(nuclei_cases.STRUCTURES, INPUTS, dimensions=2, grid=(64, 64))
    names = {nuclei_cases.tile_name(tile): tile for tile in tiles}
    return Images(net, nuclei_cases.members(), nuclei_cases.TileCases, names)


def kept_cases(name: str, of: Images, parts: Iterable[pd.DataFrame]) -> KeptCases:
    """Return the quality cases of some rows."""
    rows = pd.concat(parts)[["patient_id", "version"]].drop_duplicates()
    extractor = FeatureExtractor(None, sq.DeepEnsemble(of.members), of.net.structures)

    def judged(missing: Sequence[Pair]) -> Iterator[QualityCase]:
        pairs = [(of.names[patient], version) for patient, version in missing]
        return judged_cases(of.cases(pairs), extractor, MAPS)

    folder = hippocampus_cases.cache_folder().parent / name / "quality_cases"
    return KeptCases(folder, list(rows.itertuples(index=False, name=None)), judged)


def with_net(name: str, of: Images, data: DataSet, seed: int) -> DataSet:
    """Add the feature of a net that was cross-fitted on the fit patients of a split."""
    fit, calibration, tests = parts_of(data, seed)
    trained = kept_cases(name, of, [fit])
    crossed = cross_fit(of.net, trained, sorted(fit["patient_id"].unique()))
    rows = [fit, calibration, *tests.values()]
    said = {
        (case.case_id, structure): values["dice"]
        for case in kept_cases(name, of, rows)
        for structure, values in crossed.predict(case).items()
    }
    table = data.table
    keys = zip(table["case_id"], table["structure"], strict=True)
    return data._replace(table=table.assign(**{FEATURE: [said.get(key) for key in keys]}))


def _without(method: Any, rows: pd.DataFrame) -> Any:
    """Fit a method of tables on the features that tables have."""
    fitted, predict = method(rows.drop(columns=FEATURE))
    return fitted, lambda new: predict(new.drop(columns=FEATURE))


def run(name: str, splits: int) -> dict[str, Any]:
    """Measure the nets of a data set."""
    of, data = images(name), data_set(name)
    methods = {
        **{method: partial(_without, METHODS[method]) for method in METHODS},
        NET: partial(single, feature=FEATURE),
        WITH_NET: METHODS[DEFAULT],
    }
    begin = perf_counter()
    results: list[list[Outcome]] = []
    for seed in range(splits):
        torch.manual_seed(seed)
        results.append(measured(with_net(name, of, data, seed), seed, methods))
        print(f"{name}: split {seed + 1} of {splits}, {perf_counter() - begin:.0f} s", flush=True)
    minutes = round((perf_counter() - begin) / 60, 1)
    return {"splits": splits, "minutes": minutes, "rows": summary(results)}


def main() -> None:
    """Measure, save, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", choices=("hippocampus", "nuclei"), required=True)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="keep the figures, write the docs")
    options = parser.parse_args()
    file = FOLDER / "predictors.json"
    for name in options.data:
        found = run(name, options.splits)
        if options.write:
            figures = json.loads(file.read_text())
            figures[name]["nets"] = found
            file.write_text(json.dumps(figures, indent=1) + "\n")
            write_page()
        else:
            print(pd.DataFrame(found["rows"]).to_string())


if __name__ == "__main__":
    main()
