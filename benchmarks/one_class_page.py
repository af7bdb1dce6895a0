"""The one-class models as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from markdown_table import table

SHOWN = ("mahalanobis", "both")  # whose faults are listed one by one: the default, all features
FAULT_HEAD = ("degraded by", "cases, all splits", "bad", "flagged")


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    parts = [
        """## One-class models: cases unlike the good ones

`SEGQC_DATA=... python benchmarks/one_class.py --write`. In each split the good clean cases (whole
case: worst Dice > 0.8) of some patients fit `OneClass`, those of others calibrate it at a false
alarm rate of 5 %, and all versions of the test patients are judged: clean, degraded, and shifted
(hippocampus: a change of contrast; nuclei: stained and bright-field tissue), none of which it has
seen but clean. Each column is the share of flagged cases. "Within its band": share of splits whose
false alarms lie within their exact 95 % band (Beta-binomial); splits share patients, so these are
not independent. No setting was chosen by these figures."""
    ]
    for name, found in figures.items():
        fit, calibration, test = found["sizes"]
        patients = found["rows"][0]["patients"]
        parts.append(
            f"### {name.capitalize()}: one-class models, {found['splits']} splits ({fit} fit, "
            f"{calibration} calibrate, {test} test; {patients:.0f} good ones calibrate)"
        )
        places = _places(found)
        head = ("method", "features", "false alarms", "within its band", *places.values())
        parts.append(table(head, [_row(row, places) for row in found["rows"]]))
        parts.append(_meaning(found))
        (shown,) = (r for r in found["rows"] if (r["method"], r["features"]) == SHOWN)
        parts.append(f"By kind of fault, {SHOWN[0]}, {SHOWN[1]} feature sets:")
        parts.append(table(FAULT_HEAD, [_fault(*item) for item in shown["faults"].items()]))
    return "\n\n".join(parts)


def _places(found: dict[str, Any]) -> dict[str, str]:
    return {
        "clean, bad": "clean, bad",
        "degraded, bad": "degraded, bad",
        "degraded, good": "degraded, still good",
        f"{found['shifted']}, bad": "shifted, bad",
        f"{found['shifted']}, good": "shifted, still good",
    }


def _row(row: dict[str, Any], places: dict[str, str]) -> tuple[str, ...]:
    shares = [_share(row["counts"].get(place)) for place in ("clean, good", *places)]
    return row["method"], row["features"], shares[0], f"{row['inside']:.2f}", *shares[1:]


def _share(counts: list[int] | None) -> str:
    return "–" if not counts else f"{counts[0] / counts[2]:.3f}"


def _fault(name: str, counts: list[int]) -> tuple[str, ...]:
    flagged, bad, cases = counts
    return name.replace("_", " "), str(cases), f"{bad / cases:.2f}", f"{flagged / cases:.2f}"


def _rate(row: dict[str, Any], *places: str) -> float:
    flagged, _, cases = (
        sum(row["counts"].get(place, [0, 0, 0])[i] for place in places) for i in range(3)
    )
    return flagged / cases if cases else float("nan")


def _meaning(found: dict[str, Any]) -> str:
    """Say in a sentence what the table means."""
    bad = ("clean, bad", "degraded, bad", f"{found['shifted']}, bad")
    alarms = [_rate(row, "clean, good") for row in found["rows"]]
    power = {(row["method"], row["features"]): _rate(row, *bad) for row in found["rows"]}
    (best_method, best_features), most = max(power.items(), key=lambda item: item[1])
    (worst_method, worst_features), least = min(power.items(), key=lambda item: item[1])
    return (
        f"On average {min(alarms):.1%} to {max(alarms):.1%} of the good clean cases are flagged, "
        f"whatever the model (promised: at most 5 %); of the bad cases of all versions "
        f"{best_method} on {best_features} features flags {most:.0%}, {worst_method} on "
        f"{worst_features} features {least:.0%}. The promise is the same, what is found is not: "
        "nothing but such a table says which features see the faults that matter."
    )
