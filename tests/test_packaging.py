import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAPPED = {"calibrators": "segqc_conformal.calibrators", "monitors": "segqc_conformal.monitors"}


def setup() -> dict[str, dict[str, object]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def packages_under(folder: str, name: str) -> set[str]:
    inits = (path for path in (ROOT / folder).rglob("__init__.py") if not path.is_symlink())
    parts = (path.parent.relative_to(ROOT / folder).parts for path in inits)
    return {".".join((name, *part)) for part in parts}


def test_every_sub_package_is_listed() -> None:
    found = packages_under("segqc_conformal", "segqc_conformal")
    for folder, name in MAPPED.items():
        found |= packages_under(folder, name)
    assert found == set(setup()["packages"])


def test_root_folders_are_never_top_level_modules() -> None:
    code = (
        "import sys, segqc_conformal.calibrators, segqc_conformal.monitors\n"
        "sys.exit(bool({'calibrators', 'monitors'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_weights_ship_and_stay_below_a_megabyte() -> None:
    weights = list((ROOT / "segqc_conformal" / "demo").glob("*.safetensors"))
    assert weights
    assert sum(path.stat().st_size for path in weights) <= 1_000_000


def test_pinned_set_lies_within_the_ranges() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    pinned = {name.lower().replace("_", "-"): version for name, version in pinned.items()}
    for text in project["dependencies"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), text
