import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.table import read_table
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


def test_page_shows_order_reason_and_pictures_in_chromium(evaluation, tmp_path, chromium):
    first = work_list(evaluation)["case_id"].iloc[0]
    shown = Picture(np.eye(4), np.eye(4, dtype=int), np.eye(4))
    dom = chromium(write_work_list(tmp_path / "w.html", evaluation, {first: shown}), 1200)
    assert "predicted structure is empty" in dom
    assert dom.count("data:image/png;base64") == 1
    assert f"<h3>1. {first}</h3>" in dom


def test_nothing_referred_reads_well(tmp_path):
    page = write_work_list(tmp_path / "w.html", verdicts(accept=True))
    assert "Nothing is referred." in page.read_text("utf-8")


def test_other_suffix_and_other_tables_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="html"):
        write_work_list(tmp_path / "w.pdf", verdicts())
    with pytest.raises(InputError, match="message"):
        work_list(verdicts().drop(columns="message"))
