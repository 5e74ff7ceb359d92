# CloudFront in front of both buckets. Plain http is served, no header of the origin is changed,
# nothing is compressed: relying parties get the bytes that the CA signed.

locals {
  origins = {
    tokyo = { domain = aws_s3_bucket.tokyo.bucket_regional_domain_name, id = "tokyo" }
    osaka = { domain = aws_s3_bucket.osaka.bucket_regional_domain_name, id = "osaka" }
  }
  objects = "repository" # the origin group
  ocsp    = var.responder == null ? local.objects : "responder"

  # With a responder, bundles and generations remain objects and /ocsp belongs to it. Order matters.
  behaviors = concat(
    var.responder == null ? [] : [
      { path = "/ocsp/bundles/*", target = local.objects, function = false, post = false },
      { path = "/ocsp/*.generation", target = local.objects, function = false, post = false },
    ],
    [
      { path = "/ocsp", target = local.ocsp, function = var.responder == null, post = var.responder != null },
      { path = "/ocsp/*", target = local.ocsp, function = var.responder == null, post = var.responder != null },
    ],
  )
}

resource "aws_cloudfront_origin_access_control" "repository" {
  provider = aws.us_east_1

  name                              = var.name
  description                       = "CloudFront reads the buckets of ${var.name}; nobody else does"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# The publisher derives Cache-Control and Expires from nextUpdate; the edge must not know better.
# Without a header an object lives for a minute.
resource "aws_cloudfront_cache_policy" "repository" {
  provider = aws.us_east_1

  name        = var.name
  comment     = "As the origin says; the path alone is the key"
  min_ttl     = 0
  default_ttl = 60
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_gzip   = false
    enable_accept_encoding_brotli = false

    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_response_headers_policy" "repository" {
  provider = aws.us_east_1

  name    = var.name
  comment = "nosniff; never Strict-Transport-Security"

  security_headers_config {
    content_type_options {
      override = true
    }
  }

  dynamic "custom_headers_config" {
    for_each = length(var.response_headers) > 0 ? [var.response_headers] : []
    content {
      dynamic "items" {
        for_each = custom_headers_config.value
        content {
          header   = items.key
          value    = items.value
          override = true
        }
      }
    }
  }
}

resource "aws_cloudfront_function" "ocsp_get" {
  provider = aws.us_east_1

  name    = "${var.name}-ocsp-get"
  comment = "Maps every encoding of an OCSP GET request to the name of its response"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = file("${path.module}/../../functions/ocsp-get.js")
}

resource "aws_cloudfront_distribution" "repository" {
  provider = aws.us_east_1

  comment             = "Repository ${var.name}"
  enabled             = true
  is_ipv6_enabled     = true
  http_version        = "http2and3"
  price_class         = var.price_class
  aliases             = var.aliases
  default_root_object = "index.html"
  web_acl_id          = var.web_acl_rate_limit == null ? null : aws_wafv2_web_acl.repository[0].arn
  tags                = var.tags

  dynamic "origin" {
    for_each = local.origins
    content {
      origin_id                = origin.value.id
      domain_name              = origin.value.domain
      origin_path              = var.prefix == "" ? "" : "/${trimsuffix(var.prefix, "/")}"
      origin_access_control_id = aws_cloudfront_origin_access_control.repository.id
      connection_attempts      = 2
      connection_timeout       = 3
    }
  }

  dynamic "origin" {
    for_each = var.responder[*]
    content {
      origin_id   = "responder"
      domain_name = origin.value.domain

      custom_origin_config {
        http_port              = origin.value.protocol == "http-only" ? origin.value.port : 80
        https_port             = origin.value.protocol == "https-only" ? origin.value.port : 443
        origin_protocol_policy = origin.value.protocol
        origin_ssl_protocols   = ["TLSv1.2"]
      }
    }
  }

  # Osaka answers when Tokyo cannot. Not on 403 and 404: a name that is absent in Tokyo is absent.
  origin_group {
    origin_id = local.objects

    failover_criteria {
      status_codes = [500, 502, 503, 504]
    }
    member {
      origin_id = "tokyo"
    }
    member {
      origin_id = "osaka"
    }
  }

  default_cache_behavior {
    target_origin_id           = local.objects
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = var.viewer_protocol_policy
    cache_policy_id            = aws_cloudfront_cache_policy.repository.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.repository.id
    compress                   = false
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.behaviors
    content {
      path_pattern     = ordered_cache_behavior.value.path
      target_origin_id = ordered_cache_behavior.value.target
      # CloudFront offers POST only together with the other methods; the responder refuses those.
      allowed_methods            = ordered_cache_behavior.value.post ? ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"] : ["GET", "HEAD", "OPTIONS"]
      cached_methods             = ["GET", "HEAD"]
      viewer_protocol_policy     = var.viewer_protocol_policy
      cache_policy_id            = aws_cloudfront_cache_policy.repository.id
      response_headers_policy_id = aws_cloudfront_response_headers_policy.repository.id
      compress                   = false

      dynamic "function_association" {
        for_each = ordered_cache_behavior.value.function ? [aws_cloudfront_function.ocsp_get.arn] : []
        content {
          event_type   = "viewer-request"
          function_arn = function_association.value
        }
      }
    }
  }

  # A new CRL or response must not stay unseen because somebody asked for it a moment too early.
  dynamic "custom_error_response" {
    for_each = [403, 404, 500, 502, 503, 504]
    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 5
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.acm_certificate_arn == null
    acm_certificate_arn            = var.acm_certificate_arn
    ssl_support_method             = var.acm_certificate_arn == null ? null : "sni-only"
    minimum_protocol_version       = var.acm_certificate_arn == null ? "TLSv1" : "TLSv1.2_2021"
  }
}

resource "aws_wafv2_web_acl" "repository" {
  count    = var.web_acl_rate_limit == null ? 0 : 1
  provider = aws.us_east_1

  name        = var.name
  description = "Slows down a single address that floods the repository"
  scope       = "CLOUDFRONT"
  tags        = var.tags

  default_action {
    allow {}
  }

  rule {
    name     = "rate"
    priority = 0

    action {
      block {}
    }
    statement {
      rate_based_statement {
        limit              = var.web_acl_rate_limit
        aggregate_key_type = "IP"
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-rate"
      sampled_requests_enabled   = true
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = true
  }
}
