"""A calibrated check of refined masks: it scores regions, accepts some, and is saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import FileFormatError, InputError, TamperedError, on_one_line
from segqc_conformal.quality.regressor import QualityRegressor
from segqc_conformal.quality.saved_regressor import SETTINGS, load_regressor, save_regressor
from segqc_conformal.replaced_file import replaced_at_once
from segqc_conformal.review.harm_certificate import HarmCertificate
from segqc_conformal.review.region_table import check_regions

__all__ = ["CalibratedRefinementCheck", "region_rows"]

CERTIFICATE = "refinement.json"


@dataclass(frozen=True, eq=False)
class CalibratedRefinementCheck:
    """A region model with its certificate: what `RefinementCheck.calibrate` returns.

    Parameters
    ----------
    certificate : HarmCertificate
    regressor : QualityRegressor
        Fitted.

    Notes
    -----
    Guarantee: that of the certificate (`HarmCertificate.promise`).
    """

    certificate: HarmCertificate
    regressor: QualityRegressor

    def judge(self, regions: pd.DataFrame) -> pd.DataFrame:
        """Score regions and accept those above the certified threshold.

        Parameters
        ----------
        regions : DataFrame
            Region table of new cases; gains are not read.

        Returns
        -------
        DataFrame
            `regions` with ``score`` (of the default model: expected gain in Dice) and ``accept``,
            for `merged_mask`. A region with a feature that is not finite scores -inf: the judged
            mask stays there.

        Raises
        ------
        InputError
            For a table that is no region table, or lacks a feature that was learned from.

        Notes
        -----
        Guarantee: that of the certificate.
        """
        check_regions(regions, labelled=False)
        wanted = self.regressor.features_
        missing = [name for name in wanted if name not in regions]
        if missing:
            raise InputError(
                f"the features {', '.join(wanted)}",
                f"none of {', '.join(missing)}",
                "make the table with the same maps and columns as in calibration",
            )
        usable = np.isfinite(regions[wanted].to_numpy(dtype=np.float64)).all(axis=1)
        scores = np.full(len(regions), -np.inf)
        scores[usable] = self.regressor.predict(region_rows(regions[usable], wanted))
        return regions.assign(score=scores, accept=self.certificate.accept(scores))

    def save(self, folder: str | Path) -> Path:
        """Write certificate and region model into a folder, which is made where it is missing."""
        folder = save_regressor(folder, self.regressor)
        fields = {
            "certificate": self.certificate.to_json(),
            "regressor_sha256": sha256_hex((folder / SETTINGS).read_bytes()),
        }
        checked = {**fields, "sha256": sha256_hex(canonical_json(fields).encode())}
        with replaced_at_once(folder / CERTIFICATE) as path:
            path.write_text(canonical_json(checked))
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> CalibratedRefinementCheck:
        """Read what `save` wrote.

        Raises
        ------
        FileFormatError
            If there is none.
        TamperedError
            If a byte was changed, or the certificate is of another region model.
        """
        folder = Path(folder)
        regressor = load_regressor(folder)
        try:
            fields = json.loads((folder / CERTIFICATE).read_text("utf-8"))
            written = fields.pop("sha256")
        except FileNotFoundError:
            raise FileFormatError(
                f"a folder with {CERTIFICATE}", str(folder), "write one with save"
            ) from None
        except (ValueError, KeyError, AttributeError) as error:
            raise _tampered(on_one_line(error)) from error
        if sha256_hex(canonical_json(fields).encode()) != written:
            raise _tampered("a checksum that does not fit")
        if sha256_hex((folder / SETTINGS).read_bytes()) != fields["regressor_sha256"]:
            raise _tampered("the certificate of another region model")
        return cls(HarmCertificate.from_json(fields["certificate"]), regressor)


def region_rows(regions: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Return what the region model reads: the features, and the kind of change as structure.

    Examples
    --------
    >>> table = pd.DataFrame({"judged_as": ["background"], "refined_as": ["a"], "feature_x": [1]})
    >>> region_rows(table, ["feature_x"]).values.tolist()
    [[1, 'background to a']]
    """
    change = regions["judged_as"].astype(str) + " to " + regions["refined_as"].astype(str)
    return regions[list(features)].assign(structure=change)


def _tampered(received: str) -> TamperedError:
    return TamperedError(f"{CERTIFICATE} as it was saved", received, "restore it, or fit again")
