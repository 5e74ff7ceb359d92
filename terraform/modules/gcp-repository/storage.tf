# One bucket with public copies in two regions, and one with evidence under retention.

locals {
  object_prefix = "projects/_/buckets/${var.name}/objects/${var.prefix}"
}

resource "google_storage_bucket" "repository" {
  name     = var.name
  project  = var.project_id
  location = var.location
  rpo      = "ASYNC_TURBO" # both regions within 15 minutes
  labels   = var.labels

  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  force_destroy               = false

  # Backend buckets serve what is public; objects are, the list of them is not (identity.tf).
  public_access_prevention = "inherited"

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.superseded_days
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }
}

resource "google_storage_bucket" "evidence" {
  name     = "${var.name}-evidence"
  project  = var.project_id
  location = var.location
  labels   = var.labels

  storage_class               = "NEARLINE"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  retention_policy {
    retention_period = var.evidence_retention_days * 86400
    is_locked        = var.lock_evidence
  }

  soft_delete_policy {
    retention_duration_seconds = 90 * 86400
  }
}

# Who wrote what, and what relying parties were answered.
resource "google_project_iam_audit_config" "storage" {
  project = var.project_id
  service = "storage.googleapis.com"

  audit_log_config {
    log_type = "DATA_WRITE"
  }
}

resource "google_logging_project_sink" "evidence" {
  name                   = "${var.name}-evidence"
  project                = var.project_id
  destination            = "storage.googleapis.com/${google_storage_bucket.evidence.name}"
  filter                 = "resource.type=\"http_load_balancer\" OR (resource.type=\"gcs_bucket\" AND resource.labels.bucket_name=\"${var.name}\")"
  unique_writer_identity = true
}

resource "google_storage_bucket_iam_member" "evidence_writer" {
  bucket = google_storage_bucket.evidence.name
  role   = "roles/storage.objectCreator"
  member = google_logging_project_sink.evidence.writer_identity
}
