# Small and cheap: one utility's trial, or a test system. No standby, no scheduler of its own.
environment = "small"
region      = "eu-west-1"
zones       = ["eu-west-1a", "eu-west-1b"]

warehouse = {
  class       = "db.t4g.small"
  storage_gb  = 20
  most_gb     = 100
  backup_days = 7
  has_standby = false
}

budget_usd = 80
