# Identities by client certificate (workload identity federation, X.509): no service account key
# lies anywhere. Grants are bound to the bucket and built from inputs, so they can be read in the plan.

locals {
  pool      = "${var.name}-workloads"
  principal = "principal://iam.googleapis.com/projects/${var.project_number}/locations/global/workloadIdentityPools/${local.pool}/subject"
  publisher = "${local.principal}/${var.publisher_common_name}"
  auditor   = "${local.principal}/${var.auditor_common_name}"

  role_prefix = replace(var.name, "-", "_")

  # Names that are replaced. Cloud Storage asks for storage.objects.delete to overwrite an object, also
  # with a generation precondition: for these names the publishing host could delete. Versioning and
  # soft delete keep what was there. For all other names it can create and read, nothing else.
  replaced = ["crl/", "cert/", "log/checkpoint", "index.html", "ocsp/"]
  overwrite_condition = join(" && ", [
    "(${join(" || ", [for name in local.replaced : "resource.name.startsWith(\"${local.object_prefix}${name}\")"])})",
    "!resource.name.startsWith(\"${local.object_prefix}ocsp/bundles/\")",
  ])
  create_condition = "resource.name.startsWith(\"${local.object_prefix}\")"
}

resource "google_iam_workload_identity_pool" "workloads" {
  project                   = var.project_id
  workload_identity_pool_id = local.pool
  display_name              = "Machines of ${var.name}"
}

resource "google_iam_workload_identity_pool_provider" "x509" {
  project                            = var.project_id
  workload_identity_pool_id          = google_iam_workload_identity_pool.workloads.workload_identity_pool_id
  workload_identity_pool_provider_id = "x509"

  attribute_mapping = {
    "google.subject" = "assertion.subject.dn.cn"
  }
  attribute_condition = "google.subject in ['${var.publisher_common_name}', '${var.auditor_common_name}']"

  x509 {
    trust_store {
      trust_anchors {
        pem_certificate = trimspace(var.workload_ca_pem)
      }
    }
  }
}

resource "google_project_iam_custom_role" "create" {
  project     = var.project_id
  role_id     = "${local.role_prefix}_create"
  title       = "Create and read public copies of ${var.name}"
  permissions = ["storage.objects.create", "storage.objects.get"]
}

resource "google_project_iam_custom_role" "overwrite" {
  project     = var.project_id
  role_id     = "${local.role_prefix}_overwrite"
  title       = "Replace current names of ${var.name}"
  permissions = ["storage.objects.create", "storage.objects.delete", "storage.objects.get"]
}

resource "google_storage_bucket_iam_member" "publisher_create" {
  bucket = google_storage_bucket.repository.name
  role   = "projects/${var.project_id}/roles/${google_project_iam_custom_role.create.role_id}"
  member = local.publisher

  condition {
    title      = "public-names"
    expression = local.create_condition
  }
}

resource "google_storage_bucket_iam_member" "publisher_overwrite" {
  bucket = google_storage_bucket.repository.name
  role   = "projects/${var.project_id}/roles/${google_project_iam_custom_role.overwrite.role_id}"
  member = local.publisher

  condition {
    title      = "replaced-names"
    expression = local.overwrite_condition
  }
}

resource "google_project_iam_member" "publisher_metrics" {
  project = var.project_id
  role    = "roles/monitoring.metricWriter"
  member  = local.publisher
}

resource "google_project_iam_member" "publisher" {
  for_each = var.publisher_roles

  project = var.project_id
  role    = each.value
  member  = local.publisher
}

resource "google_storage_bucket_iam_member" "auditor_repository" {
  for_each = toset(["roles/storage.objectViewer", "roles/storage.legacyBucketReader"])

  bucket = google_storage_bucket.repository.name
  role   = each.value
  member = local.auditor
}

resource "google_storage_bucket_iam_member" "auditor_evidence" {
  for_each = toset(["roles/storage.objectViewer", "roles/storage.legacyBucketReader"])

  bucket = google_storage_bucket.evidence.name
  role   = each.value
  member = local.auditor
}

# Everybody reads objects by name. roles/storage.objectViewer would also list them.
resource "google_storage_bucket_iam_member" "relying_parties" {
  bucket = google_storage_bucket.repository.name
  role   = "roles/storage.legacyObjectReader"
  member = "allUsers"
}

# The ceiling: nobody signs in this project, whatever role somebody grants later.
resource "google_iam_deny_policy" "no_signing" {
  parent       = urlencode("cloudresourcemanager.googleapis.com/projects/${var.project_id}")
  name         = "${var.name}-no-signing"
  display_name = "Section A: no signing key, no signing logic in the cloud"

  rules {
    description = "s3"
    deny_rule {
      denied_principals = ["principalSet://goog/public:all"]
      denied_permissions = [
        "cloudkms.googleapis.com/cryptoKeyVersions.useToSign",
        "cloudkms.googleapis.com/cryptoKeys.create",
        "privateca.googleapis.com/certificates.create",
        "privateca.googleapis.com/certificateAuthorities.create",
      ]
    }
  }
}
