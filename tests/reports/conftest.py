"""A calibrated gate on synthetic features, and a real browser to look at reports."""

import shutil
import subprocess
from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--virtual-time-budget=10000",
    "--dump-dom",
)
FEATURES = ["feature_pairwise_dice", "feature_volume_ml"]


def feature_table(patients: int, first: int = 0, useful: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    rows = []
    for patient in range(first, first + patients):
        for structure in ("anterior", "posterior"):
            quality = rng.beta(8, 1.0)
            dice = float(np.clip(quality + rng.normal(0, 0.02 + 0.2 * (1 - quality)), 0, 1))
            empty = patient % 50 == 7
            rows.append(
                {
                    "case_id": f"c{patient}",
                    "patient_id": f"p{patient}",
                    "structure": structure,
                    "site": "AB"[patient % 2],
                    "model_id": "m",
                    "sampler_id": "s",
                    "schema_version": "1",
                    "judged": "fused",
                    "feature_pairwise_dice": quality if useful else rng.random(),
                    "feature_volume_ml": 0.0 if empty else 3.0 + rng.random(),
                    "dice": 0.0 if empty else dice,
                }
            )
    return pd.DataFrame(rows)


def calibrated(table: pd.DataFrame) -> CalibratedGate:
    linear = make_pipeline(make_column_transformer(("passthrough", FEATURES)), LinearRegression())
    return QualityGate().calibrate(table, candidates={"linear": linear})


@pytest.fixture(scope="session")
def gate() -> CalibratedGate:
    table = feature_table(240)
    table.loc[0, "dice"] = 1.7
    return calibrated(table)


@pytest.fixture(scope="session")
def uninformed_gate() -> CalibratedGate:
    return calibrated(feature_table(60, first=1000, useful=False))


@pytest.fixture(scope="session")
def tiny_gate() -> CalibratedGate:
    return calibrated(feature_table(12, first=2000))


@pytest.fixture(scope="session")
def new_table() -> pd.DataFrame:
    return feature_table(100, first=5000)


@pytest.fixture(scope="session")
def evaluation(gate: CalibratedGate, new_table: pd.DataFrame) -> pd.DataFrame:
    known = new_table[["case_id", "structure", "dice"]]
    return gate.judge(new_table).merge(known, how="left", on=["case_id", "structure"])


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, int], str]:
    """Return what a browser makes of a page: its document after the scripts have run."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("Chromium is not installed")

    def opened(page: Path, width: int = 1200) -> str:
        profile = tmp_path_factory.mktemp("browser")
        done = subprocess.run(
            [
                browser,
                *FLAGS,
                f"--window-size={width},900",
                f"--user-data-dir={profile}",
                page.as_uri(),
            ],
            capture_output=True,
            timeout=90,
            check=True,
        )
        return done.stdout.decode()

    return opened


@pytest.fixture(scope="session")
def scroll_width(
    chromium: Callable[[Path, int], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path, int], int]:
    """Return how wide a page is in a window of a given width: more than that would scroll."""

    def measured(page: Path, width: int) -> int:
        # a browser window cannot be as narrow as a telephone, a frame can
        frame = f'<iframe style="width:{width}px;height:800px;border:0" srcdoc="'
        wrapper = tmp_path_factory.mktemp("frame") / "page.html"
        wrapper.write_text(
            f'<!DOCTYPE html>{frame}{escape(page.read_text("utf-8"))}"></iframe><script>'
            "addEventListener('load', () => setTimeout(() => {"
            "const inside = document.querySelector('iframe').contentDocument.documentElement;"
            "document.title = 'width ' + inside.scrollWidth; document.body.remove(); }, 2000));"
            "</script>",
            "utf-8",
        )
        dom = chromium(wrapper, 1200)
        return int(dom.split("<title>width ")[1].split("<")[0])

    return measured
