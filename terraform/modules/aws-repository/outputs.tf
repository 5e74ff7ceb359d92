output "base_url" {
  description = "Public address of the repository: repository.base_url and targets[].url of repository.yaml."
  value       = "http://${length(var.aliases) > 0 ? var.aliases[0] : aws_cloudfront_distribution.repository.domain_name}"
}

output "bucket" {
  description = "Bucket that the publisher writes to: targets[].s3.bucket."
  value       = aws_s3_bucket.tokyo.bucket
}

output "replica_bucket" {
  description = "Copy in Osaka."
  value       = aws_s3_bucket.osaka.bucket
}

output "logs_bucket" {
  description = "Bucket with the delivery logs."
  value       = aws_s3_bucket.logs.bucket
}

output "distribution_id" {
  description = "CloudFront distribution, for an invalidation in an emergency."
  value       = aws_cloudfront_distribution.repository.id
}

output "distribution_domain_name" {
  description = "Domain name to which the aliases' DNS records point."
  value       = aws_cloudfront_distribution.repository.domain_name
}

output "roles_anywhere" {
  description = "For each identity, the ARNs that aws_signing_helper credential-process takes."
  value = {
    for name, profile in aws_rolesanywhere_profile.identity : name => {
      trust_anchor_arn = aws_rolesanywhere_trust_anchor.workloads.arn
      profile_arn      = profile.arn
      role_arn         = one(profile.role_arns)
    }
  }
}

output "policies" {
  description = "Every policy as it is applied, by name, for the survey and for `terraform test`."
  value = {
    publisher   = local.publisher_policy
    metrics     = local.metrics_policy
    auditor     = local.auditor_policy
    replication = local.replication_policy
    boundary    = local.boundary_policy
    bucket      = local.bucket_policy
    replica     = local.replica_policy
    logs        = local.logs_policy
  }
}
