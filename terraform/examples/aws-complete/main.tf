# A complete repository: Tokyo and Osaka, CloudFront, identities by client certificate, logs for
# ten years, alarms. terraform/README.md walks through it.

terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  alias               = "tokyo"
  region              = "ap-northeast-1"
  allowed_account_ids = [var.account_id]
}

provider "aws" {
  alias               = "osaka"
  region              = "ap-northeast-3"
  allowed_account_ids = [var.account_id]
}

provider "aws" {
  alias               = "us_east_1"
  region              = "us-east-1"
  allowed_account_ids = [var.account_id]
}

variable "name" {
  description = "Name of the repository and its bucket."
  type        = string
}

variable "account_id" {
  description = "AWS account."
  type        = string
}

variable "host_name" {
  description = "Public host name; null: the name that CloudFront gives."
  type        = string
  default     = null
}

variable "acm_certificate_arn" {
  description = "Certificate in us-east-1 for the host name; only with host_name."
  type        = string
  default     = null
}

variable "workload_ca_file" {
  description = "File with the certificate of the CA that issues the client certificates of your machines (PEM)."
  type        = string
}

variable "trust_anchor_arn" {
  description = "Trust anchor, from the roles_anywhere output of the first apply."
  type        = string
  default     = null
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
  description = "Domain name of the keyless responder; null: OCSP from static objects alone."
  type        = string
  default     = null
}

module "repository" {
  source = "../../modules/aws-repository"

  providers = {
    aws.tokyo     = aws.tokyo
    aws.osaka     = aws.osaka
    aws.us_east_1 = aws.us_east_1
  }

  name       = var.name
  account_id = var.account_id

  layout    = var.responder_domain == null ? "objects" : "bundle"
  responder = var.responder_domain == null ? null : { domain = var.responder_domain }

  aliases             = var.host_name == null ? [] : [var.host_name]
  acm_certificate_arn = var.acm_certificate_arn

  workload_ca_pem   = file(var.workload_ca_file)
  published_ca_pems = [for f in var.published_ca_files : file(f)]
  trust_anchor_arn  = var.trust_anchor_arn

  issuers                = var.issuers
  alarm_topic_arns       = [aws_sns_topic.alarms.arn]
  replication_topic_arns = [aws_sns_topic.replication.arn]
  web_acl_rate_limit     = 20000
}

resource "aws_sns_topic" "replication" {
  provider = aws.tokyo

  name = "${var.name}-replication"
}

resource "aws_sns_topic" "alarms" {
  provider = aws.us_east_1

  name = "${var.name}-alarms"
}

output "base_url" {
  description = "repository.base_url and targets[].url of repository.yaml."
  value       = module.repository.base_url
}

output "bucket" {
  description = "targets[].s3.bucket of repository.yaml."
  value       = module.repository.bucket
}

output "roles_anywhere" {
  description = "ARNs for aws_signing_helper."
  value       = module.repository.roles_anywhere
}

output "policies" {
  description = "Every policy as applied."
  value       = module.repository.policies
}
