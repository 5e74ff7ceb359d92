# Two buckets with public copies (Tokyo, and Osaka by replication) and one with logs. All are
# versioned, locked, encrypted, owned by the account alone, and closed to the public: relying
# parties read through CloudFront.

locals {
  buckets = { tokyo = var.name, osaka = "${var.name}-osaka", logs = "${var.name}-logs" }
}

resource "aws_s3_bucket" "tokyo" {
  provider = aws.tokyo

  bucket              = local.buckets.tokyo
  object_lock_enabled = true
  tags                = var.tags
}

resource "aws_s3_bucket" "osaka" {
  provider = aws.osaka

  bucket              = local.buckets.osaka
  object_lock_enabled = true
  tags                = var.tags
}

resource "aws_s3_bucket" "logs" {
  provider = aws.tokyo

  bucket              = local.buckets.logs
  object_lock_enabled = true
  tags                = var.tags
}

resource "aws_s3_bucket_versioning" "tokyo" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.tokyo.bucket
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_versioning" "osaka" {
  provider = aws.osaka

  bucket = aws_s3_bucket.osaka.bucket
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_versioning" "logs" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.logs.bucket
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "tokyo" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.tokyo.bucket
  rule {
    default_retention {
      mode = var.object_lock.mode
      days = var.object_lock.days
    }
  }

  depends_on = [aws_s3_bucket_versioning.tokyo]
}

resource "aws_s3_bucket_object_lock_configuration" "osaka" {
  provider = aws.osaka

  bucket = aws_s3_bucket.osaka.bucket
  rule {
    default_retention {
      mode = var.object_lock.mode
      days = var.object_lock.days
    }
  }

  depends_on = [aws_s3_bucket_versioning.osaka]
}

resource "aws_s3_bucket_object_lock_configuration" "logs" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.logs.bucket
  rule {
    default_retention {
      mode = var.object_lock.mode
      days = var.log_retention_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.logs]
}

# Keys of S3 itself: the content is public, and a key of KMS would ask for permissions there. It
# also keeps the ETag the MD5 of the content, which saves the publisher a read.
resource "aws_s3_bucket_server_side_encryption_configuration" "tokyo" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.tokyo.bucket
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "osaka" {
  provider = aws.osaka

  bucket = aws_s3_bucket.osaka.bucket
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.logs.bucket
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "tokyo" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.tokyo.bucket
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_ownership_controls" "osaka" {
  provider = aws.osaka

  bucket = aws_s3_bucket.osaka.bucket
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_ownership_controls" "logs" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.logs.bucket
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "tokyo" {
  provider = aws.tokyo

  bucket                  = aws_s3_bucket.tokyo.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_public_access_block" "osaka" {
  provider = aws.osaka

  bucket                  = aws_s3_bucket.osaka.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_public_access_block" "logs" {
  provider = aws.tokyo

  bucket                  = aws_s3_bucket.logs.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "tokyo" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.tokyo.bucket
  policy = jsonencode(local.bucket_policy)

  lifecycle {
    precondition {
      condition     = length(local.listing_grants) == 0
      error_message = "public-listing: ${join(", ", local.listing_grants)} would let the public list the bucket."
    }
    precondition {
      condition     = length(local.removal_grants) == 0
      error_message = "delete-permission: ${join(", ", local.removal_grants)} would let published copies be removed or unlocked."
    }
  }

  depends_on = [aws_s3_bucket_public_access_block.tokyo]
}

resource "aws_s3_bucket_policy" "osaka" {
  provider = aws.osaka

  bucket = aws_s3_bucket.osaka.bucket
  policy = jsonencode(local.replica_policy)

  depends_on = [aws_s3_bucket_public_access_block.osaka]
}

resource "aws_s3_bucket_policy" "logs" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.logs.bucket
  policy = jsonencode(local.logs_policy)

  depends_on = [aws_s3_bucket_public_access_block.logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "tokyo" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.tokyo.bucket

  rule {
    id     = "superseded"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.superseded_days
    }
    # The publisher may not abort an upload that failed half way.
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.tokyo]
}

resource "aws_s3_bucket_lifecycle_configuration" "osaka" {
  provider = aws.osaka

  bucket = aws_s3_bucket.osaka.bucket

  rule {
    id     = "superseded"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.superseded_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.osaka]
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.logs.bucket

  rule {
    id     = "archive"
    status = "Enabled"
    filter {}
    transition {
      days          = 90
      storage_class = "GLACIER_IR"
    }
    expiration {
      days = var.log_retention_days + 1
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.logs]
}

resource "aws_s3_bucket_replication_configuration" "osaka" {
  provider = aws.tokyo

  bucket = aws_s3_bucket.tokyo.bucket
  role   = aws_iam_role.replication.arn

  rule {
    id       = "osaka"
    status   = "Enabled"
    priority = 0
    filter {}

    delete_marker_replication {
      status = "Disabled"
    }

    destination {
      bucket        = local.replica_arn
      storage_class = "STANDARD"

      # Fifteen minutes by contract, with a metric; a failover must not serve an old CRL.
      replication_time {
        status = "Enabled"
        time {
          minutes = 15
        }
      }
      metrics {
        status = "Enabled"
        event_threshold {
          minutes = 15
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.tokyo, aws_s3_bucket_versioning.osaka, aws_s3_bucket.osaka]
}
