# PostgreSQL, reachable from members of the client group only, by TLS only. RDS makes the administrator's password and keeps it in
# Secrets Manager: it is never in the plan or the state. The passwords of loader, transformer and reader are put into their secrets
# by hand (README.md), so they are not there either.

resource "aws_db_subnet_group" "warehouse" {
  name       = "${local.name}-warehouse"
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_db_parameter_group" "warehouse" {
  name        = "${local.name}-postgres${var.postgres_version}"
  family      = "postgres${var.postgres_version}"
  description = "TLS for everybody; what was done is in the log"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_connections"
    value = "1"
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "60000"
  }

  parameter {
    name  = "password_encryption"
    value = "scram-sha-256"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "warehouse" {
  identifier     = "${local.name}-warehouse"
  engine         = "postgres"
  engine_version = var.postgres_version
  instance_class = var.warehouse.class
  db_name        = "meterhouse"
  port           = 5432

  username                      = "meterhouse_admin"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = aws_kms_key.house.key_id

  allocated_storage     = var.warehouse.storage_gb
  max_allocated_storage = var.warehouse.most_gb
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.house.arn

  multi_az               = var.warehouse.has_standby
  publicly_accessible    = false
  db_subnet_group_name   = aws_db_subnet_group.warehouse.name
  vpc_security_group_ids = [aws_security_group.warehouse.id]
  parameter_group_name   = aws_db_parameter_group.warehouse.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  iam_database_authentication_enabled = true

  backup_retention_period   = var.warehouse.backup_days
  backup_window             = "02:10-02:50"
  maintenance_window        = "sun:03:10-sun:04:10"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = !var.is_protected
  deletion_protection       = var.is_protected
  skip_final_snapshot       = !var.is_protected
  final_snapshot_identifier = var.is_protected ? "${local.name}-warehouse-last" : null

  performance_insights_enabled          = true
  performance_insights_kms_key_id       = aws_kms_key.house.arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  auto_minor_version_upgrade            = true
}

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name               = "${local.name}-rds-monitoring"
  assume_role_policy = data.aws_iam_policy_document.monitoring_trust.json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
