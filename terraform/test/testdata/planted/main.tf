# Planted violations of section A. TestPlantedViolations plans this and wants the policy to
# refuse each resource by exactly the rules in the comment above it, and no other resource.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region                      = "ap-northeast-1"
  access_key                  = "planted"
  secret_key                  = "planted"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

# The test hands over a private key here: refused by private-key.
variable "issuer" {
  description = "Looks like a certificate, holds a key."
  type        = string
}

resource "aws_iam_policy" "boundary" {
  name = "planted-boundary"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "*" },
      { Effect = "Deny", Action = ["kms:Sign", "cloudhsm:*", "cloudhsmv2:*", "acm-pca:*"], Resource = "*" },
      { Effect = "Deny", Action = ["s3:DeleteObject*", "s3:BypassGovernanceRetention"], Resource = "*" },
    ]
  })
}

locals {
  boundary = "arn:aws:iam::111122223333:policy/planted-boundary"
  trust = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "rolesanywhere.amazonaws.com" } }]
  })
}

resource "aws_iam_role" "publisher" {
  name                 = "planted-publisher"
  assume_role_policy   = local.trust
  permissions_boundary = local.boundary
}

# refused by signing-permission
resource "aws_iam_role_policy" "kms_sign" {
  role   = aws_iam_role.publisher.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "kms:Sign", Resource = "*" }] })
}

# refused by signing-permission
resource "aws_iam_role_policy" "kms_wildcard" {
  role   = aws_iam_role.publisher.name
  policy = jsonencode({ Version = "2012-10-17", Statement = { Effect = "Allow", Action = ["KMS:S?gn*"], Resource = "*" } })
}

# refused by signing-permission
resource "aws_iam_role_policy" "private_ca" {
  role   = aws_iam_role.publisher.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["acm-pca:Issue*", "s3:GetObject"], Resource = "*" }] })
}

# refused by signing-permission
resource "aws_iam_role_policy" "cloudhsm" {
  role   = aws_iam_role.publisher.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["cloudhsm:DescribeClusters"], Resource = "*" }] })
}

# refused by delete-permission signing-permission
resource "aws_iam_role_policy" "administrator" {
  role   = aws_iam_role.publisher.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })
}

# refused by unknown-policy
resource "aws_iam_role_policy" "everything_but" {
  role   = aws_iam_role.publisher.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", NotAction = "iam:*", Resource = "*" }] })
}

# refused by signing-permission
resource "aws_kms_key" "signer" {
  description              = "OCSP signing key"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "RSA_2048"
}

# refused by signing-permission
resource "aws_acmpca_certificate_authority" "ca" {
  certificate_authority_configuration {
    key_algorithm     = "RSA_2048"
    signing_algorithm = "SHA256WITHRSA"
    subject {
      common_name = "planted"
    }
  }
}

# refused by signing-permission
resource "aws_cloudhsm_v2_cluster" "hsm" {
  hsm_type   = "hsm1.medium"
  subnet_ids = ["subnet-1"]
}

# refused by unknown-policy
resource "aws_iam_role_policy" "unknown" {
  role   = aws_iam_role.publisher.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = aws_s3_bucket.good.arn }] })
}

# refused by unknown-policy
resource "aws_iam_role" "inline" {
  name                 = "planted-inline"
  permissions_boundary = local.boundary
  assume_role_policy   = local.trust

  inline_policy {
    name   = "unknown"
    policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = aws_s3_bucket.good.arn }] })
  }
}

# refused by unknown-policy
resource "aws_iam_role_policy_attachment" "managed_by_aws" {
  role       = aws_iam_role.publisher.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
}

# refused by no-boundary
resource "aws_iam_role" "unbounded" {
  name               = "planted-unbounded"
  assume_role_policy = local.trust
}

# refused by public-write
resource "aws_iam_role" "open" {
  name                 = "planted-open"
  permissions_boundary = local.boundary
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = "*" } }] })
}

# refused by private-key
resource "aws_ssm_parameter" "key" {
  name  = "ca-key"
  type  = "String"
  value = base64encode(var.issuer)
}

# refused by private-key
resource "aws_iam_access_key" "long_lived" {
  user = "planted"
}

# refused by delete-permission
resource "aws_iam_role_policy" "delete" {
  role   = aws_iam_role.publisher.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:PutObject", "s3:Delete*"], Resource = "arn:aws:s3:::planted-good/*" }] })
}

# refused by delete-permission
resource "aws_iam_role_policy" "unlock" {
  role   = aws_iam_role.publisher.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:BypassGovernanceRetention", Resource = "arn:aws:s3:::planted-good/*" }] })
}

resource "aws_s3_bucket" "good" {
  bucket              = "planted-good"
  object_lock_enabled = true
}

# refused by delete-permission no-object-lock
resource "aws_s3_bucket" "unlocked" {
  bucket        = "planted-unlocked"
  force_destroy = true
}

# refused by no-object-lock
resource "aws_s3_bucket" "lock_without_retention" {
  bucket              = "planted-lock-without-retention"
  object_lock_enabled = true
}

# refused by public-listing
resource "aws_s3_bucket" "no_access_block" {
  bucket              = "planted-no-access-block"
  object_lock_enabled = true
}

resource "aws_s3_bucket_versioning" "all" {
  for_each = toset([aws_s3_bucket.good.bucket, aws_s3_bucket.no_access_block.bucket, aws_s3_bucket.lock_without_retention.bucket])

  bucket = each.value
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "all" {
  for_each = toset([aws_s3_bucket.good.bucket, aws_s3_bucket.no_access_block.bucket])

  bucket = each.value
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = 1
    }
  }
}

resource "aws_s3_bucket_public_access_block" "all" {
  for_each = toset([aws_s3_bucket.unlocked.bucket, aws_s3_bucket.lock_without_retention.bucket])

  bucket                  = each.value
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# refused by public-listing
resource "aws_s3_bucket_public_access_block" "half" {
  bucket                  = aws_s3_bucket.good.bucket
  block_public_acls       = true
  block_public_policy     = false
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# refused by public-listing
resource "aws_s3_bucket_policy" "listing" {
  bucket = aws_s3_bucket.good.bucket
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = "*", Action = ["s3:GetObject", "s3:List*"], Resource = "arn:aws:s3:::planted-good" }] })
}

# refused by public-listing
resource "aws_s3_bucket_policy" "listing_by_distribution" {
  bucket = aws_s3_bucket.no_access_block.bucket
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "cloudfront.amazonaws.com" }, Action = "s3:ListBucket", Resource = "arn:aws:s3:::planted-no-access-block" }] })
}

# refused by public-listing
resource "aws_s3_bucket_acl" "public" {
  bucket = aws_s3_bucket.good.bucket
  acl    = "public-read"
}

# refused by https-only
resource "aws_cloudfront_distribution" "https" {
  enabled = true

  origin {
    domain_name = "planted.example"
    origin_id   = "o"
  }
  default_cache_behavior {
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    target_origin_id       = "o"
    viewer_protocol_policy = "allow-all"
    cache_policy_id        = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  }
  ordered_cache_behavior {
    path_pattern           = "/crl/*"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    target_origin_id       = "o"
    viewer_protocol_policy = "redirect-to-https"
    cache_policy_id        = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  }
  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
  viewer_certificate {
    cloudfront_default_certificate = true
  }
}

# refused by https-only
resource "aws_cloudfront_response_headers_policy" "hsts" {
  name = "planted-hsts"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }
  }
}
