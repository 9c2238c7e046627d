# Optional: the house's own commands as a scheduled task (docs/decisions/0022-cloud.md says why not managed Airflow). It lands, builds and
# publishes what is new, then ends; a run that finds the last one still at work ends with 75 and changes nothing.

locals {
  has_scheduler = var.scheduler != null ? 1 : 0
}

resource "aws_subnet" "public" {
  count = local.has_scheduler

  vpc_id            = aws_vpc.house.id
  availability_zone = var.zones[0]
  cidr_block        = cidrsubnet(var.network, 8, 200)
  tags              = { Name = "${local.name}-gateway" }
}

resource "aws_internet_gateway" "out" {
  count = local.has_scheduler

  vpc_id = aws_vpc.house.id
  tags   = { Name = local.name }
}

resource "aws_route_table" "public" {
  count = local.has_scheduler

  vpc_id = aws_vpc.house.id
  tags   = { Name = "${local.name}-gateway" }

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.out[0].id
  }
}

resource "aws_route_table_association" "public" {
  count = local.has_scheduler

  subnet_id      = aws_subnet.public[0].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "out" {
  count = local.has_scheduler

  domain = "vpc"
}

resource "aws_nat_gateway" "out" {
  count = local.has_scheduler

  allocation_id = aws_eip.out[0].id
  subnet_id     = aws_subnet.public[0].id
  tags          = { Name = local.name }
  depends_on    = [aws_internet_gateway.out]
}

resource "aws_route" "out" {
  count = local.has_scheduler

  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.out[0].id
}

resource "aws_ecs_cluster" "house" {
  count = local.has_scheduler

  name = local.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "scheduler" {
  count = local.has_scheduler

  name              = "/${local.name}/scheduler"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.house.arn
}

data "aws_iam_policy_document" "execution" {
  count = local.has_scheduler

  statement {
    sid       = "Image"
    actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.house.arn]
  }

  statement {
    sid       = "LogIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.scheduler[0].arn}:*"]
  }

  statement {
    sid       = "Password"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.database["loader"].arn]
  }

  statement {
    sid       = "OpenIt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.house.arn]
  }
}

resource "aws_iam_role" "execution" {
  count = local.has_scheduler

  name               = "${local.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.worker_trust.json
}

resource "aws_iam_role_policy" "execution" {
  count = local.has_scheduler

  name   = "start"
  role   = aws_iam_role.execution[0].id
  policy = data.aws_iam_policy_document.execution[0].json
}

resource "aws_ecs_task_definition" "house" {
  count = local.has_scheduler

  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 2048
  memory                   = 8192
  execution_role_arn       = aws_iam_role.execution[0].arn
  task_role_arn            = aws_iam_role.worker["loader"].arn

  container_definitions = jsonencode([{
    name                   = "house"
    image                  = var.scheduler.image
    essential              = true
    readonlyRootFilesystem = true
    command                = ["python", "-m", "ingestion", "land", "all"]
    environment = [
      { name = "WAREHOUSE", value = "postgres" },
      { name = "PGHOST", value = aws_db_instance.warehouse.address },
      { name = "PGDATABASE", value = aws_db_instance.warehouse.db_name },
      { name = "PGUSER", value = "meterhouse_loader" },
      { name = "PGSSLMODE", value = "verify-full" },
      { name = "LAKE_URL", value = "s3://${aws_s3_bucket.lake.id}/lake" },
      { name = "METERHOUSE_DATA", value = "/data" },
    ]
    secrets     = [{ name = "PGPASSWORD", valueFrom = aws_secretsmanager_secret.database["loader"].arn }]
    mountPoints = [{ sourceVolume = "data", containerPath = "/data" }, { sourceVolume = "scratch", containerPath = "/tmp" }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.scheduler[0].name
        awslogs-region        = var.region
        awslogs-stream-prefix = "house"
      }
    }
  }])

  volume {
    name = "data"
  }

  volume {
    name = "scratch"
  }
}

data "aws_iam_policy_document" "starter_trust" {
  count = local.has_scheduler

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "starter" {
  count = local.has_scheduler

  statement {
    sid       = "Run"
    actions   = ["ecs:RunTask"]
    resources = ["${aws_ecs_task_definition.house[0].arn_without_revision}:*"]
  }

  statement {
    sid       = "PassRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution[0].arn, aws_iam_role.worker["loader"].arn]
  }
}

resource "aws_iam_role" "starter" {
  count = local.has_scheduler

  name               = "${local.name}-starter"
  assume_role_policy = data.aws_iam_policy_document.starter_trust[0].json
}

resource "aws_iam_role_policy" "starter" {
  count = local.has_scheduler

  name   = "start"
  role   = aws_iam_role.starter[0].id
  policy = data.aws_iam_policy_document.starter[0].json
}

resource "aws_cloudwatch_event_rule" "house" {
  count = local.has_scheduler

  name                = local.name
  description         = "Land what is new"
  schedule_expression = var.scheduler.schedule
}

resource "aws_cloudwatch_event_target" "house" {
  count = local.has_scheduler

  rule     = aws_cloudwatch_event_rule.house[0].name
  arn      = aws_ecs_cluster.house[0].arn
  role_arn = aws_iam_role.starter[0].arn

  ecs_target {
    task_definition_arn = aws_ecs_task_definition.house[0].arn
    launch_type         = "FARGATE"
    task_count          = 1

    network_configuration {
      subnets         = [for subnet in aws_subnet.private : subnet.id]
      security_groups = [aws_security_group.client.id]
    }
  }
}
