"""The Airflow of the house, spoken to over its REST API: what runs there, and starting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import requests

from ingestion import registry
from serving.api.errors import ApiError

SECONDS = 10.0
EVERYTHING = "build_everything"


class Airflow:
    """Raises ApiError 503 AIRFLOW_AWAY when it does not answer as expected."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url, self._login, self._token = url.rstrip("/"), {"username": user, "password": password}, ""

    def under_way(self) -> str | None:
        """Name of a landing or build that runs or waits."""
        for dag in (*_landings(registry.names()), *(f"build_{name}" for name in registry.names()), EVERYTHING):
            for state in ("running", "queued"):
                runs = self._ask("GET", f"dags/{dag}/dagRuns?limit=1&state={state}", may_lack=True)
                for run in runs.get("dag_runs", []):
                    return f"{dag} {run['dag_run_id']}"
        return None

    def trigger(self, sources: Sequence[str], is_full_refresh: bool, run_id: str) -> dict[str, str]:
        """Starts a landing of each source, what hangs on it following by itself; or a whole build anew."""
        dags = [EVERYTHING] if is_full_refresh else _landings(sources or registry.names())
        conf = {"full_refresh": True} if is_full_refresh else {}
        for dag in dags:
            self._ask("POST", f"dags/{dag}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})
        return dict.fromkeys(dags, run_id)

    def state(self, runs: Mapping[str, str]) -> tuple[Literal["running", "success", "failed"], str]:
        """Of all runs together, and which failed."""
        states = {dag: self._ask("GET", f"dags/{dag}/dagRuns/{run}")["state"] for dag, run in runs.items()}
        if any(state not in ("success", "failed") for state in states.values()):
            return "running", ""
        failed = sorted(dag for dag, state in states.items() if state == "failed")
        return ("failed", f"{', '.join(failed)} failed; Airflow has the log") if failed else ("success", "")

    def _ask(self, method: str, path: str, body: Any = None, may_lack: bool = False) -> dict[str, Any]:
        try:
            answer = self._send(method, path, body)
            if answer.status_code == 401:
                self._token = ""
                answer = self._send(method, path, body)
            if answer.status_code == 404 and may_lack:
                return {}
            answer.raise_for_status()
            return dict(answer.json())
        except (requests.RequestException, ValueError, KeyError) as error:
            # The text of the error would repeat the address.
            raise ApiError(503, "AIRFLOW_AWAY", f"Airflow did not answer ({type(error).__name__}).") from None

    def _send(self, method: str, path: str, body: Any) -> requests.Response:
        if not self._token:
            login = requests.post(f"{self._url}/auth/token", json=self._login, timeout=SECONDS)
            login.raise_for_status()
            self._token = str(login.json()["access_token"])
        headers = {"Authorization": f"Bearer {self._token}"}
        return requests.request(method, f"{self._url}/api/v2/{path}", json=body, headers=headers, timeout=SECONDS)


def _landings(sources: Sequence[str]) -> list[str]:
    return [f"land_{name}" for name in sources]
