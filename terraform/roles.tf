# Who may do what. Each role may read its own database password; only the loader may write the lake, and nobody may delete from it.

locals {
  workers = toset(["loader", "transformer", "reader"])
}

resource "aws_secretsmanager_secret" "database" {
  #checkov:skip=CKV2_AWS_57:Rotated by a person who follows docs/runbooks/rotate-a-secret.md; the master password rotates by itself
  for_each = local.workers

  name                    = "${local.name}/database/${each.key}"
  description             = "Password of the database role meterhouse_${each.key}; put in by hand"
  kms_key_id              = aws_kms_key.house.arn
  recovery_window_in_days = var.is_protected ? 30 : 0
}

data "aws_iam_policy_document" "worker_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "worker" {
  for_each = local.workers

  name               = "${local.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.worker_trust.json
}

data "aws_iam_policy_document" "secret" {
  for_each = local.workers

  statement {
    sid       = "OwnPassword"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.database[each.key].arn]
  }

  statement {
    sid       = "OpenIt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.house.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "secret" {
  for_each = local.workers

  name   = "own-password"
  role   = aws_iam_role.worker[each.key].id
  policy = data.aws_iam_policy_document.secret[each.key].json
}

data "aws_iam_policy_document" "lake_writer" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.lake.arn]
  }

  statement {
    sid       = "ReadAndAdd"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.lake.arn}/*"]
  }

  statement {
    sid       = "Encrypt"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.house.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "lake_writer" {
  name   = "lake"
  role   = aws_iam_role.worker["loader"].id
  policy = data.aws_iam_policy_document.lake_writer.json
}

# GitHub Actions, without a key that could be stolen: a workflow of one of the named environments shows its token.

resource "aws_iam_openid_connect_provider" "github" {
  count = length(var.github_subjects) > 0 ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "deployer_trust" {
  count = length(var.github_subjects) > 0 ? 1 : 0

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github[0].arn]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = var.github_subjects
    }
  }
}

data "aws_iam_policy_document" "deployer" {
  count = length(var.github_subjects) > 0 ? 1 : 0

  statement {
    sid       = "PushImages"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart", "ecr:BatchGetImage"]
    resources = [aws_ecr_repository.house.arn]
  }

  statement {
    sid       = "LogIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "deployer" {
  count = length(var.github_subjects) > 0 ? 1 : 0

  name                 = "${local.name}-deployer"
  assume_role_policy   = data.aws_iam_policy_document.deployer_trust[0].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "deployer" {
  count = length(var.github_subjects) > 0 ? 1 : 0

  name   = "deploy"
  role   = aws_iam_role.deployer[0].id
  policy = data.aws_iam_policy_document.deployer[0].json
}

resource "aws_ecr_repository" "house" {
  name                 = local.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.is_protected

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.house.arn
  }
}
