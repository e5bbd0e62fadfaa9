"""A hook of mkdocs: links to files outside docs/, which the site does not hold, become their paths; each must exist."""

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./([^)#]+)(#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page as the site shows it."""

    def told(link: re.Match[str]) -> str:
        if not (ROOT / link[2]).exists():
            raise PluginError(f"{page.file.src_uri}: {link[0]} leads nowhere")
        return f"{link[1]}: `{link[2]}`" if link[1].strip("`") != link[2] else f"`{link[2]}`"

    return OUTSIDE.sub(told, markdown)
