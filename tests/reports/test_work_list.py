import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.table import read_table
from segqc_conformal.reports.case_look import CaseLook
from segqc_conformal.reports.picture import Picture
from segqc_conformal.reports.work_list import work_list, write_work_list


def test_every_referred_case_is_on_the_list_once_lowest_score_first(evaluation):
    listed = work_list(evaluation)
    whole = evaluation[evaluation["structure"] == "whole_case"]
    assert sorted(listed["case_id"]) == sorted(whole.loc[~whole["accept"], "case_id"])
    assert listed["place"].tolist() == list(range(1, len(listed) + 1))
    score = listed["accept_score"].to_numpy()
    assert (score[1:] >= score[:-1]).all()
    assert listed["why"].iloc[0] == "predicted structure is empty"


def verdicts(**changes):
    return pd.DataFrame(
        {
            "case_id": ["a", "a", "a", "b"],
            "structure": ["x", "y", "whole_case", "x"],
            "accept": [False, False, False, False],
            "accept_score": [2.0, 1.0, 1.0, 0.5],
            "predicted_dice": 0.8,
            "dice_low": 0.7,
            "dice_high": 0.9,
            "reason": "below_threshold",
            "message": "",
            **changes,
        }
    )


def test_whole_case_decides_and_doubtful_structures_are_named_in_order():
    listed = work_list(verdicts())
    assert listed["case_id"].tolist() == ["b", "a"]
    assert listed["doubtful"].tolist() == ["x", "y, x"]


def test_case_accepted_as_a_whole_is_not_listed():
    listed = work_list(verdicts(accept=[False, True, True, True]))
    assert listed.empty


def test_table_form_reads_back(evaluation, tmp_path):
    path = write_work_list(tmp_path / "work.csv", evaluation)
    assert read_table(path)["case_id"].tolist() == work_list(evaluation)["case_id"].tolist()


def looks(listed, regions=2):
    """Say where to look in the first case; the others cannot be shown."""
    shown = Picture(np.eye(4), np.eye(4, dtype=int), np.eye(4), regions=np.eye(4, dtype=int))
    rows = pd.DataFrame(
        {
            "place": range(1, regions + 1),
            "structure": "x",
            "first_2": 12,
            "last_2": 14,
            "centre_2": 13.2,
            "volume_ml": 0.123,
        }
    )
    first, *others = listed["case_id"]
    look = CaseLook([13, 12, 20], 2, 40, rows, shown)
    return {first: look, **{name: CaseLook(missing=f"case {name}: no image") for name in others}}


def test_page_shows_order_reason_and_where_to_look_in_chromium(
    evaluation, tmp_path, chromium, scroll_width
):
    listed = work_list(evaluation)
    page = write_work_list(tmp_path / "w.html", evaluation, looks(listed, regions=5))
    dom = chromium(page, 1200)
    assert "predicted structure is empty" in dom
    assert dom.count("data:image/png;base64") == 1
    assert f"<h3>1. {listed['case_id'].iloc[0]}</h3>" in dom
    assert "slices 12–13, 20, first 13; 5 regions" in dom
    assert "Slice 13 of 0 to 39 across axis 2" in dom
    assert "Region 3: x, slices 12 to 14, 0.12 ml, centre at voxel (13)." in dom
    assert "And 2 more regions." in dom
    assert f"case {listed['case_id'].iloc[1]}: no image" in dom
    assert scroll_width(page, 400) <= 400


def test_table_has_a_row_for_each_case_with_where_to_look(evaluation, tmp_path):
    listed = work_list(evaluation)
    for suffix in ("csv", "parquet"):
        path = write_work_list(tmp_path / f"w.{suffix}", evaluation, looks(listed))
        rows = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
        assert rows["case_id"].tolist() == listed["case_id"].tolist()
        first, second = rows.iloc[0], rows.iloc[1]
        assert (first["slice_axis"], first["worst_slice"], first["regions"]) == (2, 13, 2)
        assert first["first_slices"] == "12-13 20"
        assert pd.isna(second["worst_slice"])
        assert second["not_shown"] == f"case {second['case_id']}: no image"


def test_nothing_referred_reads_well(tmp_path):
    page = write_work_list(tmp_path / "w.html", verdicts(accept=True))
    assert "Nothing is referred." in page.read_text("utf-8")


def test_other_suffix_and_other_tables_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="html"):
        write_work_list(tmp_path / "w.pdf", verdicts())
    with pytest.raises(InputError, match="message"):
        work_list(verdicts().drop(columns="message"))
