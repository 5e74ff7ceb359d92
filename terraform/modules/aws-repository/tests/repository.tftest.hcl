# Runs without an account: every provider is mocked. The mocked ARNs have the right form, since
# the provider checks it.

mock_provider "aws" {
  alias = "tokyo"

  mock_resource "aws_s3_bucket" {
    defaults = {
      arn                         = "arn:aws:s3:::mock"
      bucket_regional_domain_name = "mock.s3.ap-northeast-1.amazonaws.com"
    }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mock" }
  }
  mock_resource "aws_rolesanywhere_trust_anchor" {
    defaults = { arn = "arn:aws:rolesanywhere:ap-northeast-1:111122223333:trust-anchor/mock" }
  }
}

mock_provider "aws" {
  alias = "osaka"

  mock_resource "aws_s3_bucket" {
    defaults = {
      arn                         = "arn:aws:s3:::mock-osaka"
      bucket_regional_domain_name = "mock-osaka.s3.ap-northeast-3.amazonaws.com"
    }
  }
}

mock_provider "aws" {
  alias = "us_east_1"

  mock_resource "aws_cloudfront_distribution" {
    defaults = {
      arn         = "arn:aws:cloudfront::111122223333:distribution/EMOCK"
      domain_name = "dmock.cloudfront.net"
    }
  }
  mock_resource "aws_cloudfront_function" {
    defaults = { arn = "arn:aws:cloudfront::111122223333:function/mock" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/mock/0" }
  }
  mock_resource "aws_cloudwatch_log_delivery_destination" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:delivery-destination:mock" }
  }
}

variables {
  name            = "example-ca"
  account_id      = "111122223333"
  workload_ca_pem = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
}

# --- what is made

run "complete" {
  variables {
    issuers            = { root = 8640000, sub = 129600 }
    aliases            = ["repository.example.jp"]
    web_acl_rate_limit = 20000

    acm_certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0"
  }

  assert {
    condition     = output.base_url == "http://repository.example.jp"
    error_message = "The public address is not plain http."
  }
  assert {
    condition     = alltrue([for b in concat(aws_cloudfront_distribution.repository.default_cache_behavior, aws_cloudfront_distribution.repository.ordered_cache_behavior) : b.viewer_protocol_policy == "allow-all" && !b.compress])
    error_message = "A behaviour refuses plain http or changes the bytes."
  }
  assert {
    condition     = length(aws_cloudfront_response_headers_policy.repository.security_headers_config[0].strict_transport_security) == 0
    error_message = "HSTS is set."
  }
  assert {
    condition     = alltrue([for lock in [aws_s3_bucket_object_lock_configuration.tokyo, aws_s3_bucket_object_lock_configuration.osaka] : lock.rule[0].default_retention[0].mode == "GOVERNANCE"])
    error_message = "GOVERNANCE is the default lock."
  }
  assert {
    condition     = aws_s3_bucket_object_lock_configuration.logs.rule[0].default_retention[0].days >= 3653
    error_message = "Logs are kept for less than ten years."
  }
  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.crl_age : a.treat_missing_data == "breaching"]) && aws_cloudwatch_metric_alarm.crl_age["sub"].threshold == 129600 && aws_cloudwatch_metric_alarm.crl_age["root"].threshold == 8640000
    error_message = "Each issuer's CRL age is watched, and silence is an alarm."
  }
  assert {
    condition     = toset([for o in aws_cloudfront_distribution.repository.origin : o.origin_id]) == toset(["tokyo", "osaka"])
    error_message = "Origins: Tokyo and Osaka."
  }
  assert {
    condition     = anytrue([for b in aws_cloudfront_distribution.repository.ordered_cache_behavior : b.path_pattern == "/ocsp/*" && length(b.function_association) == 1])
    error_message = "OCSP GET requests are not mapped to objects."
  }
  assert {
    condition     = alltrue([for role in [aws_iam_role.publisher, aws_iam_role.auditor, aws_iam_role.replication] : role.permissions_boundary == "arn:aws:iam::111122223333:policy/example-ca-boundary"])
    error_message = "A role stands outside the boundary."
  }
}

run "publisher_can_write_and_read_and_nothing_else" {
  command = plan

  assert {
    condition     = toset(flatten([for s in output.policies.publisher.Statement : s.Action])) == toset(["s3:PutObject", "s3:GetObject"])
    error_message = "The publisher's actions are not exactly s3:PutObject and s3:GetObject."
  }
  assert {
    condition     = alltrue([for r in output.policies.publisher.Statement[0].Resource : startswith(r, "arn:aws:s3:::example-ca/") && r != "arn:aws:s3:::example-ca/*"])
    error_message = "The publisher is not bound to public names."
  }
  assert {
    condition     = alltrue([for s in output.policies.auditor.Statement : alltrue([for a in s.Action : can(regex("^s3:(Get|List)", a))])])
    error_message = "The auditor may do more than read."
  }
  assert {
    condition     = length(setintersection(output.policies.boundary.Statement[1].Action, ["kms:Sign", "cloudhsm:*", "cloudhsmv2:*", "acm-pca:*"])) == 4 && output.policies.boundary.Statement[1].Effect == "Deny"
    error_message = "The boundary does not deny signing."
  }
  assert {
    condition     = length([for s in output.policies.bucket.Statement : s if s.Sid == "WriteOnce" && s.Effect == "Deny" && try(s.Condition.Null["s3:if-none-match"], "") == "true"]) == 1
    error_message = "Immutable names can be overwritten."
  }
  assert {
    condition     = output.policies.publisher == jsondecode(aws_iam_role_policy.publisher.policy) && output.policies.bucket == jsondecode(aws_s3_bucket_policy.tokyo.policy)
    error_message = "The shown policies are not the applied ones."
  }
}

run "one_trust_anchor" {
  command = plan

  variables {
    trust_anchor_arn = "arn:aws:rolesanywhere:ap-northeast-1:111122223333:trust-anchor/1"
  }
  assert {
    condition     = alltrue([for role in [aws_iam_role.publisher, aws_iam_role.auditor] : jsondecode(role.assume_role_policy).Statement[0].Condition.ArnLike["aws:SourceArn"] == var.trust_anchor_arn])
    error_message = "Another trust anchor opens an identity."
  }
}

run "prefix" {
  command = plan

  variables {
    prefix = "ca1/"
  }
  assert {
    condition     = alltrue([for r in output.policies.publisher.Statement[0].Resource : startswith(r, "arn:aws:s3:::example-ca/ca1/")])
    error_message = "The publisher may write outside its prefix."
  }
}

run "responder_gets_post" {
  command = plan

  variables {
    layout    = "bundle"
    responder = { domain = "ocsp.internal.example" }
  }
  assert {
    condition     = [for b in aws_cloudfront_distribution.repository.ordered_cache_behavior : b.path_pattern] == ["/ocsp/bundles/*", "/ocsp/*.generation", "/ocsp", "/ocsp/*"]
    error_message = "The order of the behaviours decides who answers."
  }
  assert {
    condition     = contains(aws_cloudfront_distribution.repository.ordered_cache_behavior[3].allowed_methods, "POST") && aws_cloudfront_distribution.repository.ordered_cache_behavior[3].target_origin_id == "responder"
    error_message = "OCSP POST does not reach the responder."
  }
  assert {
    condition     = !contains(aws_cloudfront_distribution.repository.default_cache_behavior[0].allowed_methods, "POST")
    error_message = "POST is open for objects."
  }
}

run "compliance_on_request" {
  command = plan

  variables {
    object_lock = { mode = "COMPLIANCE", days = 365 }
  }
  assert {
    condition     = aws_s3_bucket_object_lock_configuration.tokyo.rule[0].default_retention[0].mode == "COMPLIANCE"
    error_message = "COMPLIANCE was asked for."
  }
}

# --- what is refused

run "refuses_kms_sign" {
  command = plan

  variables {
    publisher_statements = [{ sid = "Sign", actions = ["kms:Sign"], resources = ["*"] }]
  }
  expect_failures = [aws_iam_role_policy.publisher]
}

run "refuses_signing_by_wildcard" {
  command = plan

  variables {
    publisher_statements = [{ sid = "Keys", actions = ["kms:*"], resources = ["*"] }]
  }
  expect_failures = [aws_iam_role_policy.publisher]
}

run "refuses_private_ca" {
  command = plan

  variables {
    publisher_statements = [{ sid = "Issue", actions = ["acm-pca:IssueCertificate"], resources = ["*"] }]
  }
  expect_failures = [aws_iam_role_policy.publisher]
}

run "refuses_delete" {
  command = plan

  variables {
    publisher_statements = [{ sid = "Delete", actions = ["s3:DeleteObject"], resources = ["arn:aws:s3:::example-ca/*"] }]
  }
  expect_failures = [aws_iam_role_policy.publisher, aws_s3_bucket_policy.tokyo]
}

run "refuses_delete_by_wildcard" {
  command = plan

  variables {
    publisher_statements = [{ sid = "Delete", actions = ["s3:D?l*"], resources = ["*"] }]
  }
  expect_failures = [aws_iam_role_policy.publisher, aws_s3_bucket_policy.tokyo]
}

run "accepts_what_is_harmless" {
  command = plan

  variables {
    publisher_statements = [{ sid = "Tell", actions = ["sns:Publish", "s3:DescribeJob", "kms:GenerateDataKey"], resources = ["*"] }]
    response_headers     = { "X-Repository" = "example" }
  }
  assert {
    condition     = length(output.policies.publisher.Statement) == 2
    error_message = "The further statement is missing."
  }
}

run "refuses_unlock" {
  command = plan

  variables {
    publisher_statements = [{ sid = "Unlock", actions = ["s3:BypassGovernanceRetention"], resources = ["arn:aws:s3:::example-ca/*"] }]
  }
  expect_failures = [aws_iam_role_policy.publisher, aws_s3_bucket_policy.tokyo]
}

# Each variable named below must refuse its value; one that accepts fails the run.
run "refuses_by_validation" {
  command = plan

  variables {
    viewer_protocol_policy = "https-only"
    response_headers       = { "strict-Transport-Security" = "max-age=31536000" }
    object_lock            = { mode = "NONE" }
    log_retention_days     = 365
    layout                 = "bundle" # without a responder
    auditor_common_name    = "seihon-publisher"
    trust_anchor_arn       = "arn:aws:rolesanywhere:ap-northeast-1:111122223333:trust-anchor/*"
    web_acl_rate_limit     = 10
    # Not a key: the words alone are refused.
    workload_ca_pem = "-----BEGIN EC PRIVATE KEY-----\nQUJD\n-----END EC PRIVATE KEY-----\n"
    tags            = { note = "-----BEGIN PRIVATE KEY-----" }
  }
  expect_failures = [
    var.viewer_protocol_policy, var.response_headers, var.object_lock, var.log_retention_days, var.responder,
    var.auditor_common_name, var.trust_anchor_arn, var.web_acl_rate_limit, var.workload_ca_pem, var.tags,
  ]
}

run "refuses_by_validation_too" {
  command = plan

  variables {
    viewer_protocol_policy = "redirect-to-https"
    response_headers       = { "Cache-Control" = "max-age=31536000" }
    price_class            = "PriceClass_100"
    aliases                = ["repository.example.jp"]                                        # without a certificate
    superseded_days        = 30                                                               # shorter than the lock
    published_ca_pems      = ["-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"] # the trust anchor's own
    break_glass_role_arns  = ["arn:aws:iam::111122223333:role/*"]
  }
  expect_failures = [
    var.viewer_protocol_policy, var.response_headers, var.price_class, var.acm_certificate_arn, var.superseded_days,
    var.workload_ca_pem, var.break_glass_role_arns,
  ]
}

run "refuses_published_keys" {
  command = plan

  variables {
    published_ca_pems = ["-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n"]
  }
  expect_failures = [var.published_ca_pems]
}
