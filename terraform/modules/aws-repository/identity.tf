# Identities by client certificate (IAM Roles Anywhere): no access key lies anywhere. All roles
# stand under one permissions boundary.

resource "aws_iam_policy" "boundary" {
  provider = aws.tokyo

  name        = "${var.name}-boundary"
  description = "Ceiling of every identity of ${var.name}: no signing, no removal (section A)"
  policy      = jsonencode(local.boundary_policy)
  tags        = var.tags
}

resource "aws_iam_role" "publisher" {
  provider = aws.tokyo

  name                 = "${var.name}-publisher"
  description          = "The publishing host: writes and reads back public names, nothing else"
  assume_role_policy   = jsonencode(local.trust_policies.publisher)
  permissions_boundary = local.boundary_arn
  max_session_duration = 3600
  tags                 = var.tags

  depends_on = [aws_iam_policy.boundary]
}

resource "aws_iam_role_policy" "publisher" {
  provider = aws.tokyo

  name   = "publish"
  role   = aws_iam_role.publisher.name
  policy = jsonencode(local.publisher_policy)

  lifecycle {
    precondition {
      condition     = length(local.signing_grants) == 0
      error_message = "signing-permission: ${join(", ", local.signing_grants)}. Section A (s3) accepts no signing key and no signing logic in the cloud."
    }
    precondition {
      condition     = length(local.removal_grants) == 0
      error_message = "delete-permission: ${join(", ", local.removal_grants)}. Nothing published is removed or unlocked by an identity of the repository."
    }
  }
}

resource "aws_iam_role_policy" "publisher_metrics" {
  provider = aws.tokyo

  name   = "metrics"
  role   = aws_iam_role.publisher.name
  policy = jsonencode(local.metrics_policy)
}

resource "aws_iam_role" "auditor" {
  provider = aws.tokyo

  name                 = "${var.name}-auditor"
  description          = "The auditor: reads objects, versions, locks, settings and logs"
  assume_role_policy   = jsonencode(local.trust_policies.auditor)
  permissions_boundary = local.boundary_arn
  max_session_duration = 3600
  tags                 = var.tags

  depends_on = [aws_iam_policy.boundary]
}

resource "aws_iam_role_policy" "auditor" {
  provider = aws.tokyo

  name   = "audit"
  role   = aws_iam_role.auditor.name
  policy = jsonencode(local.auditor_policy)
}

resource "aws_iam_role" "replication" {
  provider = aws.tokyo

  name                 = "${var.name}-replication"
  description          = "S3 copies new versions to Osaka, never a deletion"
  assume_role_policy   = jsonencode(local.replication_trust_policy)
  permissions_boundary = local.boundary_arn
  tags                 = var.tags

  depends_on = [aws_iam_policy.boundary]
}

resource "aws_iam_role_policy" "replication" {
  provider = aws.tokyo

  name   = "replicate"
  role   = aws_iam_role.replication.name
  policy = jsonencode(local.replication_policy)
}

resource "aws_rolesanywhere_trust_anchor" "workloads" {
  provider = aws.tokyo

  name    = "${var.name}-workloads"
  enabled = true

  source {
    source_type = "CERTIFICATE_BUNDLE"
    source_data {
      x509_certificate_data = trimspace(var.workload_ca_pem)
    }
  }

  tags = var.tags
}

resource "aws_rolesanywhere_profile" "identity" {
  for_each = { publisher = aws_iam_role.publisher.arn, auditor = aws_iam_role.auditor.arn }
  provider = aws.tokyo

  name             = "${var.name}-${each.key}"
  enabled          = true
  role_arns        = [each.value]
  duration_seconds = 3600
  tags             = var.tags
}
