"""Meter points, products and agreements in the proportions of the real delivery, as `case_study.db`.

Meter points come in blocks of 101, the first sixty of each block being those that deliver reads. A block holds 210
agreements: of the 110 neighbouring pairs (by valid_from, then valid_to) 90 touch, 12 leave a gap and 8 overlap; 18 rows
have zero length, 19 have no end, 13 start after the window.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

BLOCK = 101
READING = 60
"""Meter points per block that deliver a file of reads."""
REGIONS = (
    ("North Western", 15),
    ("Yorkshire", 13),
    ("South Western", 12),
    ("Southern", 10),
    ("Merseyside and North Wales", 9),
    ("South Eastern", 8),
    ("Midlands", 7),
    ("London", 7),
    ("Northern", 6),
    ("Eastern", 6),
    ("South Scotland", 4),
    ("South Wales", 2),
    ("East Midlands", 2),
)
# Twenty-seven invented names over 63 product ids; the second and third are variable tariffs.
_NAME_COUNTS = (10, 7, 5, 4, 4, 3, 3, 3, 2, 2, 2, 2, 2, *(1,) * 14)
_NAMES = (
    "Sample 12M Fixed",
    "Flexible Sample",
    "Sample Tracker",
    "Green Sample 12M",
    "Sample 24M Fixed",
    "Sample Go",
    "Loyal Sample 12M",
    "Sample Collective 12M",
)
SCHEMA = """
create table agreement (agreement_id INTEGER, agreement_valid_from DATE, agreement_valid_to DATE, product_id TEXT,
                        meterpoint_id TEXT, account_id TEXT);
create table product (display_name TEXT, is_variable INTEGER, id INTEGER, product_id TEXT);
create table meterpoint (region TEXT, meterpoint_id TEXT);
"""


def hash_id(*parts: object) -> str:
    """Ten lowercase hex characters."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Product:
    display_name: str
    is_variable: int
    id: int
    """Looks like a key and is none: agreements name `product_id`."""
    product_id: str


@dataclass(frozen=True)
class Agreement:
    agreement_id: int
    valid_from: date
    valid_to: date | None
    product: Product
    meterpoint_id: str
    account_id: str

    def covers(self, day: date) -> bool:
        """Half-open: valid from its first day up to, not including, valid_to."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def row(self) -> tuple[int, str, str | None, str, str, str]:
        valid_to = None if self.valid_to is None else self.valid_to.isoformat()
        product_id = self.product.product_id
        return self.agreement_id, self.valid_from.isoformat(), valid_to, product_id, self.meterpoint_id, self.account_id


@dataclass(frozen=True)
class Meterpoint:
    meterpoint_id: str
    region: str
    story: str
    """What is special about its agreements."""
    agreements: tuple[Agreement, ...]

    def agreement_on(self, day: date) -> Agreement | None:
        """The agreement in force on a local day: of several the latest valid_from, then the highest id."""
        valid = [agreement for agreement in self.agreements if agreement.covers(day)]
        return max(valid, key=lambda agreement: (agreement.valid_from, agreement.agreement_id), default=None)


def products(seed: int) -> list[Product]:
    """The 63 products."""
    rng = random.Random(f"{seed}/products")
    numbers = rng.sample(range(39, 3848), sum(_NAME_COUNTS))
    names = [
        _NAMES[n] if n < len(_NAMES) else f"Sample {('Special', 'Regional', 'Partner')[n % 3]} {n:02d}"
        for n in range(len(_NAME_COUNTS))
    ]
    result: list[Product] = []
    for name, count in zip(names, _NAME_COUNTS, strict=True):
        for _ in range(count):
            number = numbers[len(result)]
            result.append(Product(name, int(name in _NAMES[1:3]), number, hash_id(seed, "product", len(result))))
    return result


Span = tuple[date, date | None]


def _year_on(day: date, years: int = 1) -> date:
    return day.replace(year=day.year + years, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _chain(last: Span, before: Iterable[str]) -> list[Span]:
    """Touching spans that end with `last`; `before` gives the lengths backwards: y(ear), m(onths), d(ays), 0 (zero)."""
    spans = [last]
    for length in before:
        ends_on = spans[0][0]
        starts_on = {
            "y": _year_on(ends_on, -1),
            "m": ends_on - timedelta(days=141),
            "d": ends_on - timedelta(days=3),
            "0": ends_on,
        }[length]
        spans.insert(0, (starts_on, ends_on))
    return spans


def block_spans(first: date, until: date, rng: random.Random) -> list[tuple[str, list[Span], int]]:
    """(story, spans, accounts) of the 101 meter points of a block, those worth reading first.

    `first` and `until` are the first and last local day of the reads.
    """
    middle = first + (until - first) // 2

    def within(low: int, high: int) -> date:
        return first + timedelta(days=rng.randrange(low, high))

    def long() -> Span:
        """A year that covers the whole window as long as that is under half a year."""
        start = first - timedelta(days=rng.randrange(20, 170))
        return start, _year_on(start)

    def future() -> Span:
        start = until + timedelta(days=rng.randrange(1, 80))
        return start, _year_on(start)

    def in_window() -> Span:
        start = within(0, max(1, (until - first).days)) + timedelta(days=1)
        return start, _year_on(start)

    def overlapped(is_open: bool) -> list[Span]:
        start, end = long()
        zero = min(start + timedelta(days=rng.randrange(5, 300)), until)
        return [(start, None if is_open else end), (zero, zero)]

    stories: list[tuple[str, list[Span], int]] = []

    def add(story: str, spans: list[Span], accounts: int = 1) -> None:
        stories.append((story, spans, accounts))

    def gapped(second: Span, days: int) -> list[Span]:
        ends_on = second[0] - timedelta(days=days)
        return [(_year_on(ends_on, -1), ends_on), second]

    add("no agreement at all", [])
    add("switches inside the window", _chain((middle, _year_on(middle)), "y"))
    add("overlapped by a zero-length agreement", overlapped(True))
    add("open-ended", [(long()[0], None)])
    # A gap between two agreements that lies inside the window, as far as the window is that long.
    late = max(first + timedelta(days=1), until - timedelta(days=8))
    add("gap inside the window", gapped((late, None), min(21, max(1, (late - first).days - 1))))
    add("switches account inside the window", _chain(in_window(), "y"), 2)
    add("switches account inside the window", _chain(in_window(), "y"), 2)
    add("zero-length between two", _chain(in_window(), "0y"))
    add("only a future agreement", [future()])
    add("future agreement follows", _chain(future(), "y"))
    add("gap up to a future agreement", gapped(future(), 45))
    add("ends inside the window", [(_year_on(middle, -1), middle)])
    add("ended before the window", [(date(2019, 6, 1), date(2019, 6, 8))])
    for is_open in (True, True, True, False, False, False, False):
        add("overlapped by a zero-length agreement", overlapped(is_open))
    for accounts in (3, 3, 1):
        add("zero-length among four", _chain(long(), "y0y"), accounts)
    for accounts in (4, 1, 1):
        add("zero-length among five", _chain(long(), "y0yy"), accounts)
    for _ in range(12):
        add("one year", [long()])
    for number, accounts in enumerate((5, 1, 1, 1, 1, 1)):
        start, end = in_window() if number < 2 else long()
        add("six in a row", _chain((start, None if number < 3 else end), "ydymy"), accounts)
    for _ in range(3):
        add("switches inside the window", _chain(in_window(), "y"))
    for _ in range(2):
        add("switches inside the window", _chain((in_window()[0], None), "y"))
    for _ in range(2):
        add("gap inside the window", gapped(in_window(), 9))
    for _ in range(3):
        add("zero-length between two", _chain(long(), "0y"))
    for _ in range(4):
        chain = _chain(long(), "y")
        add("gap and then a third", [*gapped(chain[0], 30)[:1], *chain])
    for _ in range(4):
        add("three in a row", _chain(long(), "ym"))
    add("ends inside the window", [(_year_on(in_window()[0], -1), in_window()[0])])
    for _ in range(2):
        add("four in a row", _chain(long(), "yym"))
    for _ in range(4):
        add("two years", [(start := long()[0], _year_on(start, 2))])
    for _ in range(4):
        add("open-ended", [(long()[0], None)])
    # The first sixty deliver reads; what follows only completes the counts.
    for _ in range(3):
        add("open-ended", [(long()[0], None)])
    for _ in range(3):
        add("only a future agreement", [future()])
    for _ in range(4):
        add("future agreement follows", _chain(future(), "y"))
    for _ in range(3):
        add("gap up to a future agreement", gapped(future(), 45))
    add("past gap", gapped((long()[0], None), 60))
    while len(stories) < BLOCK:
        add("one year", [long()])
    return stories


def world_meterpoints(seed: int, reading: int, first: date, until: date) -> Iterator[Meterpoint]:
    """Meter points block by block; of each block the first sixty deliver reads, until `reading` of them did."""
    catalogue = products(seed)
    blocks = max(1, -(-reading // READING))
    regions = [name for name, count in REGIONS for _ in range(count)]
    for block in range(blocks):
        rng = random.Random(f"{seed}/agreements/{block}")
        stories = block_spans(first, until, rng)
        numbers = list(range(1 + block * 210, 1 + (block + 1) * 210))
        rng.shuffle(numbers)
        shuffled_regions = rng.sample(regions, len(regions))
        for position, (story, spans, accounts) in enumerate(stories):
            number = block * BLOCK + position
            meterpoint_id = hash_id(seed, "meterpoint", number)
            rows = []
            for order, (starts_on, ends_on) in enumerate(spans):
                account = hash_id(seed, "account", number, min(order, accounts - 1))
                rows.append(Agreement(numbers.pop(), starts_on, ends_on, rng.choice(catalogue), meterpoint_id, account))
            yield Meterpoint(meterpoint_id, shuffled_regions[position], story, tuple(rows))


def write_database(path: Path, catalogue: Iterable[Product], meterpoints: Iterable[Meterpoint]) -> None:
    """Writes `case_study.db`: three tables without keys or constraints."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        connection.executescript(SCHEMA)
        connection.executemany(
            "insert into product values (?, ?, ?, ?)",
            ((item.display_name, item.is_variable, item.id, item.product_id) for item in catalogue),
        )
        for meterpoint in meterpoints:
            connection.execute("insert into meterpoint values (?, ?)", (meterpoint.region, meterpoint.meterpoint_id))
            connection.executemany(
                "insert into agreement values (?, ?, ?, ?, ?, ?)", (row.row() for row in meterpoint.agreements)
            )
        connection.commit()
    finally:
        connection.close()
