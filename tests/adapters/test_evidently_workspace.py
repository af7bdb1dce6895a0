import json

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.adapters.evidently_report import MonitorFigure, drift_snapshot
from segqc_conformal.adapters.evidently_workspace import add_to_workspace
from segqc_conformal.errors import FileFormatError

RNG = np.random.default_rng(0)
REFERENCE = pd.DataFrame({"x": RNG.normal(size=60), "y": RNG.normal(size=60)})
CURRENT = REFERENCE.head(40) * 1.5 + 0.1


def snapshot(evidence, below=3.0):
    figures = [
        MonitorFigure("log evidence", "score", evidence, below),
        MonitorFigure("audited risk", "rate", 0.1),
    ]
    return drift_snapshot(REFERENCE, CURRENT, figures, tags=["calibration f00d"])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evidently") / "workspace"
    for evidence in (1.0, 5.0):
        add_to_workspace(folder, "quality", snapshot(evidence))
    add_to_workspace(folder, "another", snapshot(0.0))
    add_to_workspace(folder, "quality", drift_snapshot(REFERENCE[[]], REFERENCE[[]]))
    return folder


def opened(folder):
    from evidently.ui.workspace import Workspace

    return Workspace(str(folder))


def test_runs_are_added_to_one_project_of_that_name(workspace):
    runs = {project.name: project for project in opened(workspace).list_projects()}
    assert {name: len(opened(workspace).list_runs(each.id)) for name, each in runs.items()} == {
        "quality": 2,
        "another": 1,
    }


def test_each_project_has_its_panels_once(workspace):
    for project in opened(workspace).list_projects():
        panels = opened(workspace).get_dashboard(project.id).panels
        assert [panel.title for panel in panels] == [
            "Share of drifted columns",
            "Log evidence",
            "Audited risk",
        ]
        assert panels[1].values[0].metric_labels == {"kind": "log evidence"}


def test_the_same_figure_of_two_runs_is_one_course(workspace):
    fingerprints, values = set(), []
    for path in sorted(workspace.rglob("snapshots/*.json")):
        for result in json.loads(path.read_text())["metric_results"].values():
            params = result["metric_value_location"]["metric"]["params"]
            if params.get("name") == "score":
                fingerprints.add(json.dumps(params))
                values.append(result["value"])
    assert len(fingerprints) == 1
    assert sorted(values) == [0.0, 1.0, 5.0]


def test_no_value_of_a_case_is_stored_but_the_ends_of_histograms(workspace):
    text = "".join(path.read_text() for path in workspace.rglob("*.json"))
    ends = {*REFERENCE.min(), *REFERENCE.max(), *CURRENT.min(), *CURRENT.max()}
    inside = {*REFERENCE.to_numpy().ravel(), *CURRENT.to_numpy().ravel()} - ends
    assert not [value for value in inside if repr(float(value))[:10] in text]
    # twin: what evidently stores by itself has them
    itself = snapshot(1.0).run.dumps()
    assert sum(repr(float(value))[:10] in itself for value in inside) > 50
    assert "DATA DISTRIBUTION" in text
    assert "DATA DRIFT" not in text


def test_a_folder_that_cannot_be_one_is_refused(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FileFormatError, match="workspace"):
        add_to_workspace(tmp_path / "file", "quality", snapshot(1.0))
