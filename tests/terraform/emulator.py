"""moto as a server on loopback, with the answers it lacks: `python tests/terraform/emulator.py PORT`.

It takes a budget's tags and subscribers, the settings of a parameter group and Performance Insights and does not give
them back, which the provider takes for a change. Here they are kept as they were asked for. AWS's own policies are
loaded by a setting.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.budgets.responses import BudgetsResponse
from moto.core.responses import ActionResult
from moto.rds.models import RDSBackend
from moto.rds.responses import RDSResponse
from moto.server import main

subscribers: dict[str, list[dict[str, str]]] = {}
budget_tags: dict[str, list[dict[str, str]]] = {}
_create_budget = BudgetsResponse.create_budget
_create_notification = BudgetsResponse.create_notification
_create_instance = RDSBackend.create_db_instance


def create_budget(self: BudgetsResponse) -> str:
    budget_tags[self._get_param("Budget")["BudgetName"]] = self._get_param("ResourceTags", [])
    return _create_budget(self)


def list_tags_for_resource(self: BudgetsResponse) -> str:
    name = self._get_param("ResourceARN").rsplit("/", 1)[1]
    return json.dumps({"ResourceTags": budget_tags.get(name, [])})


def _notification(self: BudgetsResponse) -> str:
    given = self._get_param("Notification")
    return f"{self._get_param('BudgetName')} {given['NotificationType']} {given['Threshold']}"


def create_notification(self: BudgetsResponse) -> str:
    subscribers[_notification(self)] = self._get_param("Subscribers", [])
    return _create_notification(self)


def describe_subscribers_for_notification(self: BudgetsResponse) -> str:
    return json.dumps({"Subscribers": subscribers.get(_notification(self), [])})


def create_db_instance(self: RDSBackend, given: dict[str, Any]) -> Any:
    instance = _create_instance(self, given)
    # The provider looks an instance up by it, and moto gives all of them the same.
    instance.dbi_resource_id = f"db-{instance.db_instance_identifier.upper().replace('-', '')}"
    asked = {str(name).replace("_", "").lower(): value for name, value in given.items()}
    instance.performance_insights_enabled = asked.get("enableperformanceinsights", False)
    instance.performance_insights_kms_key_id = asked.get("performanceinsightskmskeyid")
    instance.performance_insights_retention_period = asked.get("performanceinsightsretentionperiod")
    return instance


def describe_db_parameters(self: RDSResponse) -> ActionResult:
    (group,) = self.backend.describe_db_parameter_groups(
        {"db_parameter_group_name": self.params.get("DBParameterGroupName")}
    )
    kept = [{"Source": "user", "ApplyMethod": "immediate", **one} for one in group.parameters.values()]
    return ActionResult({"Parameters": kept})


BudgetsResponse.create_budget = create_budget  # type: ignore[method-assign]
BudgetsResponse.create_notification = create_notification  # type: ignore[method-assign]
BudgetsResponse.describe_subscribers_for_notification = describe_subscribers_for_notification  # type: ignore[attr-defined]
BudgetsResponse.list_tags_for_resource = list_tags_for_resource  # type: ignore[attr-defined]
RDSBackend.create_db_instance = create_db_instance  # type: ignore[method-assign]
RDSResponse.describe_db_parameters = describe_db_parameters  # type: ignore[method-assign]

if __name__ == "__main__":
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
