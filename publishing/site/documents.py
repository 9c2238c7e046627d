"""The words of the project, written in Markdown, as HTML with links that work between the pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

ROOMS = {
    "README.md": "readme.html",
    "CONTRIBUTING.md": "contributing.html",
    "CHANGELOG.md": "changelog.html",
    "deployment/README.md": "deployment.html",
    "terraform/README.md": "terraform.html",
}
"""Pages that lie outside of docs/, and where they go."""
FOLDERS = {"docs/decisions": "decisions/index.html", "docs/runbooks": "runbooks/index.html"}

_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def _wide(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="wide"><table>\n' if tokens[index].nesting == 1 else "</table></div>\n"


_MARKDOWN.add_render_rule("table_open", _wide)
_MARKDOWN.add_render_rule("table_close", _wide)


def addresses(root: Path) -> dict[str, str]:
    """Where each Markdown file that is shown goes, by its path in the repository: docs/ keeps its shape."""
    found = {name: address for name, address in ROOMS.items() if (root / name).is_file()}
    docs = root / "docs"
    for path in sorted(docs.rglob("*.md")):
        inside = path.relative_to(docs)
        if inside.parts[0] != "site":
            stem = "index" if path.name == "README.md" else path.stem
            found[path.relative_to(root).as_posix()] = inside.with_name(f"{stem}.html").as_posix()
    return found


def title(text: str) -> str:
    """The first heading, without its marks."""
    heading = re.search(r"^# (.+)$", text, flags=re.MULTILINE)
    return heading[1].replace("`", "") if heading else "Untitled"


def words(text: str) -> Markup:
    """A line of Markdown, such as a description, as HTML."""
    return Markup(_MARKDOWN.renderInline(text))


def html(text: str, name: str, shown: Mapping[str, str]) -> str:
    """A file of the repository as HTML. Links to what is shown lead there; links to other files become plain words, and
    links elsewhere stay, followed only by who clicks them."""
    tokens = _MARKDOWN.parse(text)
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(tokens[index + 1].content))
        for child in token.children or ():
            if child.type == "image":
                child.type, child.content = "text", child.content or "image"
            if child.type == "link_open":
                _relink(token.children or [], child, name, shown)
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _relink(children: list[Token], opened: Token, name: str, shown: Mapping[str, str]) -> None:
    href = str(opened.attrGet("href"))
    if href.startswith("#"):
        return
    if _ELSEWHERE.match(href):
        opened.attrSet("rel", "noreferrer")
        return
    path, _, fragment = href.partition("#")
    address = {**shown, **FOLDERS}.get(_resolved(name, path))
    if address:
        opened.attrSet("href", relative(shown[name], address) + (f"#{fragment}" if fragment else ""))
        return
    opened.hidden = True
    following = children[children.index(opened) + 1 :]
    next(child for child in following if child.type == "link_close").hidden = True


def _resolved(name: str, path: str) -> str:
    """A link's path in the repository."""
    parts: list[str] = []
    for part in (PurePosixPath(name).parent / path).parts:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def relative(start: str, address: str) -> str:
    """An address of the site as a page of it names it."""
    return "../" * start.count("/") + address


def anchor(heading: str) -> str:
    """As GitHub makes them, so that links to a heading work in both places."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
