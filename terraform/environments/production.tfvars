# Production: a standby in another zone, five weeks of backups. `github_subjects`, `alarm_emails` and `scheduler` are the utility's own:
# give them in a file of its own or with -var.
environment = "production"
region      = "eu-west-1"
zones       = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]

warehouse = {
  class       = "db.m7g.large"
  storage_gb  = 200
  most_gb     = 1000
  backup_days = 35
  has_standby = true
}

budget_usd = 600
