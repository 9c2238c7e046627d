"""What the bench works on: a synthetic world of the size asked for, and its bill pages as files."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import requests

PAGE_ROWS = 50_000


@dataclass(frozen=True)
class World:
    """Folders of one bench size. `pages` holds the bills as the portal sends them, `slice` a part for the slow ways."""

    root: Path
    bills: int
    half_hours: int

    @property
    def made(self) -> Path:
        return self.root / "world"

    @property
    def dataset_id(self) -> str:
        return str(json.loads((self.made / "truth.json").read_text())["bills"]["dataset_id"])

    @property
    def readings(self) -> Path:
        return self.made / "smart_meters" / "readings"

    @property
    def database(self) -> Path:
        return self.made / "smart_meters" / "case_study.db"

    @property
    def pages(self) -> Path:
        return self.root / "pages"


def prepared(root: Path, bills: int, half_hours: int) -> World:
    """The world of that size, made when it is not there yet. CalledProcessError when the simulator fails."""
    folder = root / f"{bills}_bills_{half_hours}_half_hours"
    world = World(folder, bills, half_hours)
    if not (world.made / "truth.json").exists():
        print(f"making a world of {bills:,} bills and {half_hours:,} half-hours in {folder}", flush=True)
        subprocess.run(
            [sys.executable, "-m", "simulator", "make", "--out", str(world.made), "--bills", str(bills),
             "--half-hours", str(half_hours)],
            check=True,
        )  # fmt: skip
    truth = json.loads((world.made / "truth.json").read_text())
    world = World(folder, bills, int(truth["meters"]["rows"]))
    if not (world.pages / "rows.json").exists():
        _save_pages(world)
    return world


def _save_pages(world: World) -> None:
    from simulator.systems.winnipeg_billing.portal import serve

    world.pages.mkdir(parents=True, exist_ok=True)
    rows: dict[str, int] = {}
    with serve(world.made / "winnipeg_billing") as server:
        resource = f"{server.domain}/resource/{world.dataset_id}.json"
        view = requests.get(f"{server.domain}/api/views/{world.dataset_id}.json", timeout=60).json()
        columns = [":id", ":created_at", ":updated_at", *(column["fieldName"] for column in view["columns"])]
        for offset in range(0, world.bills, PAGE_ROWS):
            question = {"$select": ":*,*", "$order": ":id", "$limit": str(PAGE_ROWS), "$offset": str(offset)}
            content = requests.get(resource, params=question, timeout=300).content
            name = f"{offset:09}.json"
            (world.pages / name).write_bytes(content)
            rows[name] = min(PAGE_ROWS, world.bills - offset)
    (world.pages / "columns.json").write_text(json.dumps(columns))
    (world.pages / "rows.json").write_text(json.dumps(rows))


def part(world: World, kind: str, files: int) -> tuple[Path, int]:
    """A folder of links to the first `files` files of a kind, and the rows in them: what the slow ways are given."""
    whole = world.pages if kind == "bills" else world.readings
    folder = world.root / f"{kind}_first_{files}"
    folder.mkdir(exist_ok=True)
    names = sorted(path.name for path in whole.glob("*.json") if path.name not in ("columns.json", "rows.json"))[:files]
    for name in [*names, *(["columns.json"] if kind == "bills" else [])]:
        link = folder / name
        if not link.exists():
            link.symlink_to((whole / name).resolve())
    if kind == "bills":
        counted = json.loads((world.pages / "rows.json").read_text())
        return folder, sum(counted[name] for name in names)
    return folder, sum(len(json.loads((folder / name).read_bytes())["data"]) for name in names)
