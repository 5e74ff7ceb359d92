output "base_url" {
  description = "Public address of the repository: repository.base_url and targets[].url of repository.yaml."
  value       = "http://${coalesce(var.host_name, google_compute_global_address.repository.address)}"
}

output "address" {
  description = "IP address to which the host name's A record points."
  value       = google_compute_global_address.repository.address
}

output "bucket" {
  description = "Bucket that the publisher writes to: targets[].gcs.bucket."
  value       = google_storage_bucket.repository.name
}

output "evidence_bucket" {
  description = "Bucket with the logs."
  value       = google_storage_bucket.evidence.name
}

output "audience" {
  description = "Audience of the publishing host's credential configuration (gcloud iam workload-identity-pools create-cred-config)."
  value       = "//iam.googleapis.com/projects/${var.project_number}/locations/global/workloadIdentityPools/${local.pool}/providers/${google_iam_workload_identity_pool_provider.x509.workload_identity_pool_provider_id}"
}

output "conditions" {
  description = "Conditions on the publishing host's grants, for the survey."
  value       = { create = local.create_condition, overwrite = local.overwrite_condition }
}
