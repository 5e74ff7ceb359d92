# Runs where the google provider is at hand; the provider is mocked.

mock_provider "google" {}

variables {
  name            = "example-ca"
  project_id      = "example-project"
  project_number  = "123456789012"
  workload_ca_pem = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
}

run "complete" {
  command = plan

  variables {
    issuers   = { root = 8640000, sub = 129600 }
    responder = { domain = "ocsp.internal.example" }
  }
  assert {
    condition     = google_compute_global_forwarding_rule.http.port_range == "80"
    error_message = "Port 80 is not open."
  }
  assert {
    condition     = google_storage_bucket_iam_member.relying_parties.role == "roles/storage.legacyObjectReader"
    error_message = "Everybody can list the bucket."
  }
}

run "refuses_hsts" {
  command = plan

  variables {
    response_headers = ["strict-transport-security: max-age=1"]
  }
  expect_failures = [var.response_headers]
}

run "refuses_signing_role" {
  command = plan

  variables {
    publisher_roles = ["roles/cloudkms.signer"]
  }
  expect_failures = [var.publisher_roles]
}

run "refuses_delete_role" {
  command = plan

  variables {
    publisher_roles = ["roles/storage.objectAdmin"]
  }
  expect_failures = [var.publisher_roles]
}

run "refuses_private_key" {
  command = plan

  variables {
    # Not a key: the words alone are refused.
    workload_ca_pem = "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n"
  }
  expect_failures = [var.workload_ca_pem]
}

run "refuses_short_evidence" {
  command = plan

  variables {
    evidence_retention_days = 365
  }
  expect_failures = [var.evidence_retention_days]
}
