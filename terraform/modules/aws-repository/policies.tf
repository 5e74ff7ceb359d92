# Every policy is an HCL object built from inputs alone. So its text is known when the plan is
# made: the preconditions below and the Rego policy read what will be applied, and a policy that
# cannot be read is refused. Nothing here refers to an attribute that only apply would tell.

locals {
  bucket_arn  = "arn:aws:s3:::${var.name}"
  replica_arn = "arn:aws:s3:::${var.name}-osaka"
  logs_arn    = "arn:aws:s3:::${var.name}-logs"

  boundary_arn = "arn:aws:iam::${var.account_id}:policy/${var.name}-boundary"
  namespace    = "Seihon"

  # Names that never change: they carry a digest, a number or a version.
  write_once = ["log/tile/*", "log/manifests/*", "ocsp/bundles/*", "docs/*"]
  # Names that are replaced, always by compare-and-swap.
  replaced = concat(
    ["crl/*", "cert/*", "log/checkpoint", "index.html", "ocsp/*.generation"],
    var.layout == "objects" ? ["ocsp/s1/*", "ocsp/s2/*"] : [],
  )
  write_once_arns = [for name in local.write_once : "${local.bucket_arn}/${var.prefix}${name}"]
  published_arns  = [for name in concat(local.write_once, local.replaced) : "${local.bucket_arn}/${var.prefix}${name}"]

  # What no identity of this repository may ever do. Section A, s3: no signing key and no signing
  # logic in the cloud; s5, s6: published copies stay comparable with the master.
  forbidden_signing = [
    "kms:Sign", "kms:GenerateMac", "kms:CreateKey", "kms:ImportKeyMaterial", "kms:CreateGrant", "kms:CreateCustomKeyStore",
    "cloudhsm:*", "cloudhsmv2:*", "acm-pca:*", "signer:*", "payment-cryptography:*",
  ]
  forbidden_removal = [
    "s3:DeleteObject*", "s3:DeleteBucket*", "s3:BypassGovernanceRetention", "s3:PutObjectRetention", "s3:PutObjectLegalHold",
    "s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration", "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock", "s3:PutBucketAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:ReplicateDelete",
  ]

  publisher_policy = {
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "WriteAndReadBack"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:GetObject"]
        Resource = local.published_arns
      },
      ], [for s in var.publisher_statements : {
        Sid      = s.sid
        Effect   = "Allow"
        Action   = s.actions
        Resource = s.resources
    }])
  }

  metrics_policy = {
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ReportFigures"
      Effect    = "Allow"
      Action    = ["cloudwatch:PutMetricData"]
      Resource  = ["*"] # CloudWatch knows no narrower resource; the namespace is the limit
      Condition = { StringEquals = { "cloudwatch:namespace" = local.namespace } }
    }]
  }

  auditor_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ReadObjects"
        Effect = "Allow"
        Action = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectAttributes"]
        Resource = [
          "${local.bucket_arn}/${var.prefix}*", "${local.replica_arn}/${var.prefix}*", "${local.logs_arn}/*",
        ]
      },
      {
        Sid    = "ReadSettings"
        Effect = "Allow"
        Action = [
          "s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration",
          "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetReplicationConfiguration", "s3:GetLifecycleConfiguration",
        ]
        Resource = [local.bucket_arn, local.replica_arn, local.logs_arn]
      },
    ]
  }

  replication_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadSource"
        Effect   = "Allow"
        Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
        Resource = [local.bucket_arn]
      },
      {
        Sid    = "ReadVersions"
        Effect = "Allow"
        Action = [
          "s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging",
          "s3:GetObjectRetention", "s3:GetObjectLegalHold",
        ]
        Resource = ["${local.bucket_arn}/*"]
      },
      {
        # No s3:ReplicateDelete: a delete marker in Tokyo never reaches Osaka.
        Sid      = "WriteReplica"
        Effect   = "Allow"
        Action   = ["s3:ReplicateObject", "s3:ReplicateTags"]
        Resource = ["${local.replica_arn}/*"]
      },
    ]
  }

  # The ceiling of all identities. What it denies stays denied, whatever an administrator attaches later.
  boundary_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Ceiling"
        Effect   = "Allow"
        Action   = distinct(concat(["s3:Get*", "s3:List*", "s3:PutObject", "s3:ReplicateObject", "s3:ReplicateTags", "cloudwatch:PutMetricData"], flatten(var.publisher_statements[*].actions)))
        Resource = ["*"]
      },
      {
        Sid      = "NoSigning"
        Effect   = "Deny"
        Action   = local.forbidden_signing
        Resource = ["*"]
      },
      {
        Sid      = "NoRemoval"
        Effect   = "Deny"
        Action   = local.forbidden_removal
        Resource = ["*"]
      },
      {
        Sid      = "NoIdentities"
        Effect   = "Deny"
        Action   = ["iam:*", "sts:AssumeRole", "organizations:*", "rolesanywhere:*"]
        Resource = ["*"]
      },
    ]
  }

  # Roles Anywhere hands out a role only to a certificate with that common name, of the workload CA:
  # by the trust anchor's ARN once it is known, else of any trust anchor of the account.
  trust_policies = {
    for role, common_name in { publisher = var.publisher_common_name, auditor = var.auditor_common_name } : role => {
      Version                            = "2012-10-17"
      Statement = [{
        Sid       = "ByClientCertificate"
        Effect    = "Allow"
        Principal = { Service = "rolesanywhere.amazonaws.com" }
        Action    = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
        Condition = {
          StringEquals = { "aws:PrincipalTag/x509Subject/CN" = common_name }
          ArnLike      = { "aws:SourceArn" = coalesce(var.trust_anchor_arn, "arn:aws:rolesanywhere:*:${var.account_id}:trust-anchor/*") }
        }
      }]
    }
  }

  replication_trust_policy = {
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ByReplication"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = ["sts:AssumeRole"]
    }]
  }

  # The distribution's own ARN would be unknown before apply. Any distribution of the same account
  # may read, and no one may list: what lies here is public anyway.
  read_by_edge = {
    for key, arn in { tokyo = local.bucket_arn, osaka = local.replica_arn } : key => {
      Sid                   = "ReadByDistribution"
      Effect                = "Allow"
      Principal             = { Service = "cloudfront.amazonaws.com" }
      Action                = ["s3:GetObject"]
      Resource              = ["${arn}/${var.prefix}*"]
      Condition             = { ArnLike = { "AWS:SourceArn" = "arn:aws:cloudfront::${var.account_id}:distribution/*" } }
    }
  }

  # A bucket policy binds administrators as well. Reading over plain http stays possible:
  # CloudFront speaks to S3 in the protocol that the relying party used.
  guard_statements = {
    for key, arn in { tokyo = local.bucket_arn, osaka = local.replica_arn, logs = local.logs_arn } : key => [
      {
        Sid       = "NoRemovalOutsideBreakGlass"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:PutObjectRetention"]
        Resource  = ["${arn}/*"]
        Condition = { ArnNotLike = { "aws:PrincipalArn" = length(var.break_glass_role_arns) > 0 ? var.break_glass_role_arns : ["arn:aws:iam::${var.account_id}:root"] } }
      },
      {
        Sid       = "NoWritingInTheClear"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = ["s3:PutObject"]
        Resource  = ["${arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  }

  # s3:ObjectCreationOperation exempts the parts of a multipart upload, which carry no condition
  # themselves; their completion does.
  write_once_statements = [
    {
      Sid       = "WriteOnce"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = ["s3:PutObject"]
      Resource  = local.write_once_arns
      Condition = {
        Null = { "s3:if-none-match" = "true" }
        Bool = { "s3:ObjectCreationOperation" = "true" }
      }
    },
    {
      Sid       = "NoBlindWrite"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = ["s3:PutObject"]
      Resource  = ["${local.bucket_arn}/*"]
      Condition = {
        Null = { "s3:if-none-match" = "true", "s3:if-match" = "true" }
        Bool = { "s3:ObjectCreationOperation" = "true" }
      }
    },
  ]

  # By jsondecode, since a tuple of objects of different shapes has no common list type.
  bucket_policy = {
    Version   = "2012-10-17"
    Statement = jsondecode(jsonencode(concat([local.read_by_edge.tokyo], local.guard_statements.tokyo, local.write_once_statements)))
  }

  replica_policy = {
    Version   = "2012-10-17"
    Statement = jsondecode(jsonencode(concat([local.read_by_edge.osaka], local.guard_statements.osaka)))
  }

  logs_policy = {
    Version = "2012-10-17"
    Statement = jsondecode(jsonencode(concat([{
      Sid       = "DeliverLogs"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = ["s3:PutObject"]
      Resource  = ["${local.logs_arn}/AWSLogs/${var.account_id}/*"]
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:aws:logs:us-east-1:${var.account_id}:delivery-source:*" }
      }
    }], local.guard_statements.logs)))
  }
}

# Section A on the objects themselves. Each list below must be empty; preconditions on the
# policies' resources read it, so that the plan stops and names what is wrong.
locals {
  granted = merge([
    for name, policy in {
      publisher   = local.publisher_policy
      metrics     = local.metrics_policy
      auditor     = local.auditor_policy
      replication = local.replication_policy
      bucket      = local.bucket_policy
      replica     = local.replica_policy
      logs        = local.logs_policy
      } : {
      for i, s in policy.Statement : "${name}/${s.Sid}" => s.Action if s.Effect == "Allow"
    }
  ]...)

  # A grant is a pattern with * and ?, and so may be what is forbidden: each is tried on the other.
  signing_grants = flatten([
    for where, actions in local.granted : [
      for action in actions : "${where}: ${action}" if anytrue([
        for forbidden in local.forbidden_signing : can(regex("^${replace(replace(lower(action), "*", ".*"), "?", ".")}$", lower(forbidden)))
        || endswith(forbidden, "*") && startswith(lower(action), lower(trimsuffix(forbidden, "*")))
      ])
    ]
  ])

  removal_grants = flatten([
    for where, actions in local.granted : [
      for action in actions : "${where}: ${action}" if anytrue([
        for forbidden in local.forbidden_removal : can(regex("^${replace(replace(lower(action), "*", ".*"), "?", ".")}$", lower(forbidden)))
        || endswith(forbidden, "*") && startswith(lower(action), lower(trimsuffix(forbidden, "*")))
      ])
    ]
  ])

  listing_grants = [
    for s in concat(local.bucket_policy.Statement, local.replica_policy.Statement) : s.Sid
    if s.Effect == "Allow" && anytrue([for action in s.Action : can(regex("^(\\*|s3:(\\*|l))", lower(action)))])
  ]
}
