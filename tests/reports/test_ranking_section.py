import pandas as pd
import pytest

from segqc_conformal.reports.domain_classifier import DomainClassifier
from segqc_conformal.reports.monitor_evidence import StreamEvidence
from segqc_conformal.reports.ranking_section import ranking

STATES = [
    StreamEvidence("volume", 1.2, 5.3, False),
    StreamEvidence("accept_score", 4.4, 3.7, True, "c17"),
]


def classifier(auc, low, high):
    importance = pd.DataFrame({"column": ["x: noise", "x: volume"], "drop": [0.2, 0.01]})
    return DomainClassifier(auc, low, high, importance, (80, 90), (81, 91))


def test_our_streams_come_first_the_closest_to_its_level_on_top():
    body = ranking(STATES, classifier(0.8, 0.7, 0.9)).body
    places = [body.index(words) for words in ("accept_score", "volume", "AUC 0.80", "x: noise")]
    assert places == sorted(places)
    assert "decides nothing" in body


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.8, 0.7, 0.9), "It can tell the two kinds apart"),
        ((0.52, 0.45, 0.6), "the ranking below means nothing"),
        ((0.3, 0.2, 0.4), "worse than chance"),
    ],
)
def test_the_classifier_is_put_into_words(interval, words):
    body = ranking(STATES, classifier(*interval)).body
    assert words in body
    assert "90 recent patients from 80 calibration patients. On 91 and 81 others" in body


def test_what_is_missing_is_said_and_many_streams_are_folded():
    body = ranking([], "Not fitted: too few.").body
    assert "No monitor has run." in body
    assert "Not fitted: too few." in body
    many = [StreamEvidence(f"s{number}", 0.0, 5.0, False) for number in range(25)]
    assert "15 more streams" in ranking(many, "").body
