"""The docs site builds without a warning, fetches nothing, and shows every public name."""

import importlib
import re
from collections import Counter
from html import unescape
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
API = ROOT / "docs" / "api"
PUBLIC = [
    "segqc_conformal",
    "segqc_conformal.calibrators",
    "segqc_conformal.monitors",
    "segqc_conformal.review",
    "segqc_conformal.one_class",
    "segqc_conformal.reverse",
    "segqc_conformal.corruption",
    "segqc_conformal.quality.net",
]
# said on the page of API as a whole
NO_ENTRY = {"__version__", "calibrators", "monitors"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder))
        assert config.strict
        config.plugins.on_startup(command="build", dirty=False)
        try:
            build(config)
        finally:
            config.plugins.on_shutdown()
    return folder


def test_it_builds_without_a_warning_and_shows_both_readmes(site: Path) -> None:
    start, chinese = ((site / name).read_text("utf-8") for name in ("index.html", "zh.html"))
    assert "Your own gate on the first day" in start
    assert 'href="zh.html"' in start
    assert "参考掩膜" in chinese
    assert 'href="index.html"' in chinese


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    fetched = re.compile(r'<(?:script|link|img|iframe)\b[^>]*(?:src|href)="?(?:https?:)?//[^>]*>')
    for page in site.rglob("*.html"):
        assert not fetched.findall(page.read_text("utf-8")), page.name


def test_each_name_of_a_shared_entry_has_its_own_default(site: Path) -> None:
    page = (site / "api" / "calibrators.html").read_text("utf-8")
    entry = page.split('id="segqc_conformal.calibrators.ConditionalInterval"')[1]
    words = " ".join(unescape(re.sub(r"<[^>]+>", "", entry.split("Notes")[0])).split())
    assert "miscoverage (float, default: 0.1 )" in words
    assert "side (str, default: 'two-sided' )" in words


def entries() -> list[str]:
    pages = [page.read_text("utf-8") for page in API.glob("*.md")]
    return re.findall(r"^::: (\S+)$", "\n".join(pages), re.MULTILINE)


def test_an_entry_is_a_thing_and_no_file_of_its_name() -> None:
    for entry in entries():
        home, name = entry.rsplit(".", 1)
        found = getattr(importlib.import_module(home), name)
        assert not isinstance(found, ModuleType), entry
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(entry)


@pytest.mark.parametrize("home", PUBLIC)
def test_every_public_name_stands_once_on_the_api_pages(home: str) -> None:
    module = importlib.import_module(home)
    counted = Counter(
        entry.rsplit(".", 1)[1] for entry in entries() if entry.startswith(f"{home}.")
    )
    for name in set(module.__all__) - NO_ENTRY:
        assert counted[name] == 1, name


def test_the_navigation_names_every_page_once() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8").split("\nnav:\n")[1]
    named = re.findall(r"(\S+\.md)$", text, re.MULTILINE)
    pages = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(named) == sorted(pages)
