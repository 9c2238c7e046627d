output "lake" {
  description = "For LAKE_URL."
  value       = "s3://${aws_s3_bucket.lake.id}/lake"
}

output "warehouse" {
  description = "For PGHOST."
  value       = aws_db_instance.warehouse.address
}

output "administrator_secret" {
  description = "Where RDS keeps the administrator's password."
  value       = aws_db_instance.warehouse.master_user_secret[0].secret_arn
}

output "database_secrets" {
  description = "Where the passwords of loader, transformer and reader belong."
  value       = { for name, secret in aws_secretsmanager_secret.database : name => secret.arn }
}

output "roles" {
  description = "ARNs of the roles."
  value = merge(
    { for name, role in aws_iam_role.worker : name => role.arn },
    length(var.github_subjects) > 0 ? { deployer = aws_iam_role.deployer[0].arn } : {},
  )
}

output "client_group" {
  description = "Security group of what may speak to the warehouse."
  value       = aws_security_group.client.id
}

output "images" {
  description = "Where the deployer pushes images."
  value       = aws_ecr_repository.house.repository_url
}
