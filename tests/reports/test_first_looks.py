import pandas as pd

from segqc_conformal.reports.first_looks import cases_to_look_at


def cases(**changes):
    return pd.DataFrame(
        {
            "case_id": list("abcd"),
            "structure": "lesion",
            "dice": [0.9, 0.5, 0.85, 0.6],
            "predicted_dice": 0.8,
            "dice_low": [0.8, 0.7, 0.2, 0.5],
            "dice_high": [1.0, 0.9, 0.9, 0.7],
            "accept": [True, True, False, False],
            "accept_score": [3.0, 2.0, 1.0, 0.0],
            **changes,
        }
    )


def test_each_reason_names_its_case_and_wrong_accepts_come_first():
    chosen = cases_to_look_at(cases(), each=1)
    assert dict(zip(chosen["case_id"], chosen["why"], strict=True)) == {
        "b": "accepted, but true Dice is ≤ 0.8; true Dice lies outside the interval",
        "d": "lowest accept score",
        "c": "widest interval",
    }
    assert chosen["case_id"].tolist() == ["b", "d", "c"]


def test_only_whole_cases_are_chosen_where_there_are_some():
    both = pd.concat([cases(), cases(structure="whole_case").iloc[[0]]], ignore_index=True)
    assert cases_to_look_at(both)["structure"].unique().tolist() == ["whole_case"]


def test_nothing_wrong_leaves_the_lowest_score_and_the_widest_interval():
    chosen = cases_to_look_at(cases(dice=0.85, dice_low=0.5, dice_high=1.0), each=1)
    assert chosen["why"].tolist() == ["lowest accept score", "widest interval"]
