variable "environment" {
  description = "Short name of the installation; part of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.environment))
    error_message = "2 to 16 small letters and digits, a letter first."
  }
}

variable "region" {
  description = "AWS region of everything."
  type        = string
}

variable "zones" {
  description = "Availability zones of the private subnets; RDS wants two at least."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2
    error_message = "Two zones at least."
  }
}

variable "network" {
  description = "Address range of the network, a /16."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.network)) && endswith(var.network, "/16")
    error_message = "An IPv4 range that ends with /16."
  }
}

variable "warehouse" {
  description = "Size of the PostgreSQL warehouse: class, GB to begin with and at most, days of backups, a standby in another zone."
  type = object({
    class       = string
    storage_gb  = number
    most_gb     = number
    backup_days = number
    has_standby = bool
  })

  validation {
    condition     = var.warehouse.backup_days >= 7 && var.warehouse.backup_days <= 35
    error_message = "backup_days: 7 to 35."
  }

  validation {
    condition     = var.warehouse.storage_gb >= 20 && var.warehouse.most_gb > var.warehouse.storage_gb
    error_message = "storage_gb: 20 at least; most_gb: more than that."
  }
}

variable "postgres_version" {
  description = "Major version of PostgreSQL."
  type        = string
  default     = "17"
}

variable "is_protected" {
  description = "Whether the warehouse resists deletion and leaves a last snapshot. Only a trial is without."
  type        = bool
  default     = true
}

variable "lake_days_to_cold" {
  description = "After so many days a delivered file goes to infrequent access."
  type        = number
  default     = 90

  validation {
    condition     = var.lake_days_to_cold >= 30
    error_message = "S3 takes 30 days at least."
  }
}

variable "log_days" {
  description = "How long logs are kept; CloudWatch knows certain numbers only."
  type        = number
  default     = 365
}

variable "budget_usd" {
  description = "Monthly budget; half, four fifths and all of it are told."
  type        = number
}

variable "alarm_emails" {
  description = "Who is told of alarms and of the budget."
  type        = list(string)
  default     = []
}

variable "github_subjects" {
  description = <<-TEXT
    The exact `sub` claims of the GitHub workflows that may deploy here, for example repo:OWNER/NAME:environment:production. Copy it from a real
    token: repositories made since 2026-07-15 have ids in it. Empty: no role for GitHub.
  TEXT
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for subject in var.github_subjects : !strcontains(subject, "*") && strcontains(subject, ":environment:")])
    error_message = "Exact claims of an environment, without *."
  }
}

variable "scheduler" {
  description = "The house's own commands as a scheduled ECS task: image by digest, schedule expression. Null: no scheduler here."
  type = object({
    image    = string
    schedule = string
  })
  default = null

  validation {
    condition     = var.scheduler == null || can(regex("@sha256:[0-9a-f]{64}$", var.scheduler.image))
    error_message = "image: by digest, so that what runs is what was tested."
  }
}
