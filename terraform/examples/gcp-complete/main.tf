# A complete repository on Google Cloud: one bucket in Tokyo and Osaka, Cloud CDN on port 80, identities
# by client certificate, logs under retention for ten years, alarms.

terraform {
  required_version = ">= 1.9.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.20, < 8.0"
    }
  }
}

provider "google" {
  project = var.project_id
  region  = "asia-northeast1"
}

variable "name" {
  description = "Name of the repository and its bucket."
  type        = string
}

variable "project_id" {
  description = "Project."
  type        = string
}

variable "project_number" {
  description = "Number of the project."
  type        = string
}

variable "host_name" {
  description = "Public host name; null: the address alone, over http."
  type        = string
  default     = null
}

variable "workload_ca_file" {
  description = "File with the certificate of the CA that issues the client certificates of your machines (PEM)."
  type        = string
}

variable "published_ca_files" {
  description = "Files with the certificates of the CAs that are published here (PEM)."
  type        = list(string)
  default     = []
}

variable "issuers" {
  description = "Issuers whose CRL is watched, each with the age in seconds that raises the alarm."
  type        = map(number)
  default     = { root = 8640000, sub = 129600 } # CRLs of 90 days and of one day, with some grace
}

variable "responder_domain" {
  description = "Domain name of the keyless responder; null: no OCSP."
  type        = string
  default     = null
}

module "repository" {
  source = "../../modules/gcp-repository"

  name           = var.name
  project_id     = var.project_id
  project_number = var.project_number
  host_name      = var.host_name
  responder      = var.responder_domain == null ? null : { domain = var.responder_domain }

  workload_ca_pem   = file(var.workload_ca_file)
  published_ca_pems = [for f in var.published_ca_files : file(f)]

  issuers = var.issuers
}

output "base_url" {
  description = "repository.base_url and targets[].url of repository.yaml."
  value       = module.repository.base_url
}

output "bucket" {
  description = "targets[].gcs.bucket of repository.yaml."
  value       = module.repository.bucket
}

output "audience" {
  description = "Audience for the publishing host's credential configuration."
  value       = module.repository.audience
}
