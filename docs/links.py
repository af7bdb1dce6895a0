"""What the site changes in pages that are also read beside the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
READMES = {"index.md": "README.md", "zh.md": "README.zh-CN.md"}
CODE_FOLDERS = "segqc_conformal|calibrators|monitors|tests|examples|benchmarks"
CODE = re.compile(rf"\[([^\]]+)\]\((?:\.\./)+(?:{CODE_FOLDERS})/[^)]*\)")
BESIDE = re.compile(r"\[([^\]]+)\]\(CONTRIBUTING\.md\)")


def on_page_markdown(markdown, page, **_):
    """Show README on its page; let links to code, which has no page, be their words."""
    if page.file.src_uri in READMES:
        text = (ROOT / READMES[page.file.src_uri]).read_text(encoding="utf-8")
        markdown = BESIDE.sub(r"\1", text).replace("](docs/", "](")
        for shown, readme in READMES.items():
            markdown = markdown.replace(f"]({readme})", f"]({shown})")
    return CODE.sub(r"\1", markdown)
