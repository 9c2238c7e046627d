"""What Terraform makes of each variable set, asked of the emulator that it was applied to."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.terraform.conftest import TERRAFORM, Applied, mirror

pytestmark = pytest.mark.timeout(1200)

# The emulator gives no description back of a rule that names a group.
NOT_GIVEN_BACK = {
    "aws_vpc_security_group_egress_rule.client_warehouse",
    "aws_vpc_security_group_ingress_rule.warehouse",
}


def state(applied: Applied) -> str:
    return (applied.folder / "terraform.tfstate").read_text()


def resources(applied: Applied, kind: str) -> list[dict[str, Any]]:
    found = json.loads(state(applied))["resources"]
    return [one["attributes"] for part in found if part["type"] == kind for one in part["instances"]]


def test_every_file_is_formatted() -> None:
    mirror()
    done = subprocess.run(["terraform", "fmt", "-check", "-recursive"], cwd=TERRAFORM, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_second_apply_changes_nothing(applied: Applied) -> None:
    applied.run("apply", "-auto-approve", *applied.given)
    applied.run("plan", "-out=second", *applied.given)
    changes = json.loads(applied.run("show", "-json", "second"))["resource_changes"]
    changed = {one["address"]: one["change"] for one in changes if one["change"]["actions"] != ["no-op"]}
    assert set(changed) <= NOT_GIVEN_BACK
    for change in changed.values():
        differing = {name for name, value in change["after"].items() if value != change["before"].get(name)}
        assert differing == {"description"}


def test_the_lake_keeps_every_version_encrypted_and_is_closed_to_the_public(applied: Applied) -> None:
    s3 = applied.client("s3")
    bucket = f"meterhouse-{applied.name}-lake-123456789012"
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    statements = {one["Sid"]: one for one in json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]}
    tls = statements["OnlyByTls"]
    assert (tls["Effect"], tls["Action"], tls["Condition"]) == (
        "Deny",
        "s3:*",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
    assert statements["NoVersionIsDeleted"]["Effect"] == "Deny"
    rules = {one["ID"]: one for one in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert rules["unfinished uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_the_warehouse_is_private_encrypted_backed_up_and_speaks_tls_only(applied: Applied) -> None:
    rds = applied.client("rds")
    (one,) = [
        found
        for found in rds.describe_db_instances()["DBInstances"]
        if found["DBInstanceIdentifier"] == f"meterhouse-{applied.name}-warehouse"
    ]
    assert (one["PubliclyAccessible"], one["StorageEncrypted"], one["DeletionProtection"]) == (False, True, True)
    assert one["BackupRetentionPeriod"] == (35 if applied.name == "production" else 7)
    assert one["MultiAZ"] is (applied.name == "production")
    assert one["PerformanceInsightsEnabled"] is True
    (group,) = one["DBParameterGroups"]
    parameters = rds.describe_db_parameters(DBParameterGroupName=group["DBParameterGroupName"])["Parameters"]
    assert {p["ParameterName"]: p["ParameterValue"] for p in parameters}["rds.force_ssl"] == "1"
    (last,) = resources(applied, "aws_db_instance")
    assert (last["skip_final_snapshot"], bool(last["final_snapshot_identifier"])) == (False, True)
    ec2 = applied.client("ec2")
    (security,) = one["VpcSecurityGroups"]
    (group,) = ec2.describe_security_groups(GroupIds=[security["VpcSecurityGroupId"]])["SecurityGroups"]
    assert [(p["FromPort"], p["IpRanges"], p["Ipv6Ranges"]) for p in group["IpPermissions"]] == [(5432, [], [])]
    for subnet in one["DBSubnetGroup"]["Subnets"]:
        (found,) = ec2.describe_subnets(SubnetIds=[subnet["SubnetIdentifier"]])["Subnets"]
        assert found["MapPublicIpOnLaunch"] is False


def test_nobody_is_let_in_from_everywhere(applied: Applied) -> None:
    for group in applied.client("ec2").describe_security_groups()["SecurityGroups"]:
        if group["GroupName"].startswith("meterhouse"):
            ranges = [r["CidrIp"] for p in group["IpPermissions"] for r in p["IpRanges"]]
            assert ranges == [], group["GroupName"]


def test_no_password_is_in_the_state(applied: Applied) -> None:
    """RDS makes the administrator's and keeps it; those of the roles are put into their secrets by hand."""
    (database,) = resources(applied, "aws_db_instance")
    assert database["manage_master_user_password"] is True and not database["password"]
    assert resources(applied, "aws_secretsmanager_secret_version") == []
    secrets = applied.client("secretsmanager")
    for one in secrets.list_secrets()["SecretList"]:
        try:
            value = secrets.get_secret_value(SecretId=one["ARN"])["SecretString"]
        except secrets.exceptions.ResourceNotFoundException:
            continue
        assert value not in state(applied)


def policies(applied: Applied, role: str) -> list[str]:
    iam = applied.client("iam")
    name = f"meterhouse-{applied.name}-{role}"
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return [json.dumps(iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"]) for one in names]


def allowed(applied: Applied, role: str) -> dict[str, set[str]]:
    """Actions by resource. No statement here denies or has a wildcard action, which the next test holds."""
    found: dict[str, set[str]] = {}
    for document in policies(applied, role):
        for statement in json.loads(document)["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            for resource in (
                [statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"]
            ):
                found.setdefault(resource, set()).update(actions)
    return found


def test_each_role_may_do_its_own_work_and_nothing_else(applied: Applied) -> None:
    for role in ("loader", "transformer", "reader"):
        mine = allowed(applied, role)
        assert not any("*" in action for actions in mine.values() for action in actions)
        assert "*" not in mine
        secrets = [resource for resource in mine if ":secretsmanager:" in resource]
        assert [f"/database/{role}-" in secret for secret in secrets] == [True]
        lake = {action for resource, actions in mine.items() if ":s3:::" in resource for action in actions}
        expected = {"s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"}
        assert lake == (expected if role == "loader" else set())


def test_github_may_come_from_one_environment_only(applied: Applied) -> None:
    iam = applied.client("iam")
    roles = {one["RoleName"]: one for one in iam.list_roles()["Roles"]}
    name = f"meterhouse-{applied.name}-deployer"
    assert (name in roles) is (applied.name == "production")
    if name in roles:
        (statement,) = roles[name]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert statement["Condition"] == {
            "StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": "repo:utility/meterhouse:environment:production",
            }
        }


def test_somebody_is_told_of_the_warehouse_and_of_money(applied: Applied) -> None:
    alarms = applied.client("cloudwatch").describe_alarms()["MetricAlarms"]
    mine = {one["MetricName"] for one in alarms if one["AlarmName"].startswith(f"meterhouse-{applied.name}-")}
    assert mine == {"FreeStorageSpace", "CPUUtilization", "DatabaseConnections", "FreeableMemory"}
    budget = applied.client("budgets").describe_budget(
        AccountId="123456789012", BudgetName=f"meterhouse-{applied.name}"
    )
    assert float(budget["Budget"]["BudgetLimit"]["Amount"]) == (600 if applied.name == "production" else 80)


def test_the_scheduler_is_there_only_where_it_is_asked_for(applied: Applied) -> None:
    arns = applied.client("ecs").list_clusters()["clusterArns"]
    assert any(arn.endswith(f"/meterhouse-{applied.name}") for arn in arns) is (applied.name == "production")


def test_bad_values_are_refused_before_anything_is_asked_of_aws(applied: Applied) -> None:
    for wrong in (
        'github_subjects=["repo:utility/meterhouse:*"]',
        "lake_days_to_cold=3",
        'environment="Produktion!"',
    ):
        said = subprocess.run(
            ["terraform", "plan", *applied.given, "-var", wrong], cwd=applied.folder, env=applied.env,
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert said.returncode == 1 and "Invalid value for variable" in said.stderr, wrong


def test_what_is_protected_is_not_destroyed_and_a_trial_is(applied: Applied) -> None:
    """Last: deletion protection holds until it is taken away, as a person would."""
    if applied.name == "production":
        said = applied.run("destroy", "-auto-approve", *applied.given, "-target=aws_db_instance.warehouse", code=1)
        assert said is not None
        return
    trial = ["-var", "is_protected=false"]
    applied.run("apply", "-auto-approve", *applied.given, *trial)
    empty_lake(applied)
    applied.run("destroy", "-auto-approve", *applied.given, *trial)
    assert json.loads(state(applied))["resources"] == []


def empty_lake(applied: Applied) -> None:
    bucket = f"meterhouse-{applied.name}-lake-123456789012"
    assert applied.client("s3").list_object_versions(Bucket=bucket).get("Versions", []) == []


def test_the_lock_file_is_in_the_tree() -> None:
    text = (TERRAFORM / ".terraform.lock.hcl").read_text()
    assert 'version     = "5.100.0"' in text
