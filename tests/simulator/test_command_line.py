"""`python -m simulator`: make, serve and run as a person types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import requests

from simulator.world import NOW, settings_for

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (*settings_for(Path("world")), NOW)
SHOW = f"import json, os; print(json.dumps({{k: v for k, v in os.environ.items() if k in {SETTINGS}}}))"


NO_FILE = ("--env-file", "/nonexistent/.env")


def simulator(*words: object, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    command = [sys.executable, "-m", "simulator", *map(str, words)]
    return subprocess.run(
        command, cwd=ROOT, env={**environment, **settings}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_settings_are_those_of_every_system() -> None:
    spine = {"SOCRATA_DOMAIN", "SOCRATA_DATASET_ID", "SMART_METERS_READINGS", "SMART_METERS_DATABASE"}
    assert spine <= set(settings_for(Path("world")))


def test_run_points_the_command_to_a_served_world_and_returns_its_exit_code(default_world: Path) -> None:
    code = f"{SHOW}; import urllib.request as u; print(u.urlopen(os.environ['SOCRATA_DOMAIN'] + '/resource/'\
 + os.environ['SOCRATA_DATASET_ID'] + '.json?$select=count(*)').read().decode()); raise SystemExit(7)"
    done = simulator("run", *NO_FILE, "--world", default_world, "--", sys.executable, "-c", code)
    assert done.returncode == 7, done.stderr
    settings, count = done.stdout.strip().splitlines()
    found = json.loads(settings)
    assert set(found) == set(SETTINGS)
    assert found["SOCRATA_DOMAIN"].startswith("http://127.0.0.1:")
    assert found[NOW] == "2021-04-06T15:30:00Z"
    assert len(list(Path(found["SMART_METERS_READINGS"]).glob("*.json"))) == 60
    assert Path(found["SMART_METERS_DATABASE"]).exists()
    assert json.loads(count) == [{"count": "12000"}]


def test_run_looks_at_the_world_at_the_instant_it_is_told(default_world: Path) -> None:
    code = (
        "import os, urllib.request as u\n"
        "print(os.environ['METERHOUSE_LOGICAL_AT'])\n"
        "for name, path in (('ENERGY_TRANSFER_URL', '/ipost/capacity/operationally-available?f=csv'),\n"
        "        ('OPENWEATHER_URL', '/data/2.5/weather?id=2147714&appid=' + os.environ['OPENWEATHER_API_KEY'])):\n"
        "    print(u.urlopen(os.environ[name] + path).headers['Date'])\n"
    )
    words = ("run", *NO_FILE, "--world", default_world)
    command = ("--", sys.executable, "-c", code)
    later = ["2021-04-07T12:00:00Z", *["Wed, 07 Apr 2021 12:00:00 GMT"] * 2]
    assert simulator(*words, "--at", "2021-04-07T12:00:00Z", *command).stdout.splitlines() == later
    assert simulator(*words, *command, **{NOW: "2021-04-07T14:00:00+02:00"}).stdout.splitlines() == later


def test_run_never_mixes_sample_and_real(default_world: Path) -> None:
    done = simulator(
        "run",
        *NO_FILE,
        "--world",
        default_world,
        "--",
        sys.executable,
        "-c",
        SHOW,
        SMART_METERS_DATABASE="/somewhere/real.db",
    )
    assert json.loads(done.stdout) == {"SMART_METERS_DATABASE": "/somewhere/real.db"}
    assert "SMART_METERS_DATABASE set already" in done.stderr


def test_run_looks_into_the_settings_file_too_and_takes_an_empty_line_as_unset(
    default_world: Path, tmp_path: Path
) -> None:
    for line, expected in (("SOCRATA_DOMAIN=data.example.org\n", set()), ("SOCRATA_DOMAIN=\n", set(SETTINGS))):
        (tmp_path / ".env").write_text(line)
        words = ("run", "--env-file", tmp_path / ".env", "--world", default_world, "--", sys.executable, "-c", SHOW)
        assert set(json.loads(simulator(*words).stdout)) == expected


def test_a_polite_end_is_passed_on_to_the_command(default_world: Path) -> None:
    code = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(9)); print('up', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-m", "simulator", "run", *NO_FILE, "--world", str(default_world), "--"]
    process = subprocess.Popen([*command, sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 9
    finally:
        process.kill()
        process.wait()


def test_run_makes_the_world_when_there_is_none(tmp_path: Path) -> None:
    done = simulator("run", *NO_FILE, "--world", tmp_path / "new", "--", sys.executable, "-c", "pass")
    assert done.returncode == 0, done.stderr
    assert "making the sample world" in done.stderr
    assert (tmp_path / "new" / "truth.json").exists()


def test_run_says_when_a_command_does_not_exist(default_world: Path) -> None:
    done = simulator("run", *NO_FILE, "--world", default_world, "--", "no-such-command-at-all")
    assert (done.returncode, "no such command" in done.stderr) == (127, True)


def test_make_takes_sizes_and_writes_the_fault_set_beside_the_world(tmp_path: Path) -> None:
    words = (
        "--bills",
        600,
        "--half-hours",
        1000,
        "--last-day",
        "2020-10-20",
        "--seed",
        3,
        "--history-days",
        5,
        "--faults",
    )
    done = simulator("make", "--out", tmp_path / "w", *words)
    assert done.returncode == 0, done.stderr
    truth = json.loads((tmp_path / "w" / "truth.json").read_text())
    assert truth["size"] == {
        "seed": 3,
        "bills": 600,
        "meters": 3,
        "starts_on": "2020-10-15",
        "until": "2020-10-20",
        "history_days": 5,
    }
    assert (tmp_path / "w_faults" / "truth.json").exists()
    done = simulator("day", "2020-10-21", "--world", tmp_path / "w", "--out", tmp_path / "later")
    assert done.stdout.startswith("144 half-hours")


def test_serve_says_where_and_stops_when_interrupted(default_world: Path) -> None:
    command = [sys.executable, "-m", "simulator", "serve", "--world", str(default_world), "--generation", "2"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        printed = dict(process.stdout.readline().strip().split("=", 1) for _ in settings_for(default_world))
        domain = printed["SOCRATA_DOMAIN"]
        answer = requests.get(f"{domain}/resource/samp-1e00.json", params={"$select": "count(*)"}, timeout=10)
        assert answer.json() == [{"count": "12099"}]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
