variable "name" {
  description = "Name of the repository. The bucket in Tokyo has this name; the copy in Osaka and the logs add \"-osaka\" and \"-logs\"."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,50}[a-z0-9]$", var.name))
    error_message = "name: 4 to 52 lower case letters, digits and hyphens, so that \"-osaka\" and \"-logs\" still make a bucket name. A dot would break TLS to the bucket."
  }
}

variable "account_id" {
  description = "AWS account that owns everything. It is an input because policies must be readable before the first apply; pin the provider to it with allowed_account_ids."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: twelve digits."
  }
}

variable "prefix" {
  description = "Prefix of every key, the targets[].s3.prefix of repository.yaml; empty, or ends with \"/\"."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9][a-z0-9._-]*/)*$", var.prefix))
    error_message = "prefix: lower case path segments that each end with \"/\", or nothing."
  }
}

variable "layout" {
  description = "How OCSP responses are published: \"objects\" (strict: static objects and a path rewrite, GET only) or \"bundle\" (bundles, answered by the keyless responder, GET and POST). The targets[].layout of repository.yaml."
  type        = string
  default     = "objects"

  validation {
    condition     = contains(["objects", "bundle"], var.layout)
    error_message = "layout: objects or bundle."
  }
}

variable "responder" {
  description = "The keyless responder (`publisher serve`) behind /ocsp: its domain name, port and protocol. null: none."
  type = object({
    domain   = string
    port     = optional(number, 80)
    protocol = optional(string, "http-only")
  })
  default = null

  validation {
    condition     = var.responder == null || contains(["http-only", "https-only"], try(var.responder.protocol, ""))
    error_message = "responder.protocol: http-only or https-only; it concerns the way from CloudFront to the responder, never the relying party's."
  }

  validation {
    condition     = var.layout != "bundle" || var.responder != null
    error_message = "responder: the layout \"bundle\" needs the keyless responder, else no client gets an OCSP response. Give its domain, or use the layout \"objects\"."
  }
}

variable "object_lock" {
  description = "Default retention of every published version. GOVERNANCE lets the break-glass role repair a mistake; COMPLIANCE binds everybody, also the root user, until the days are over."
  type = object({
    mode = optional(string, "GOVERNANCE")
    days = optional(number, 90)
  })
  default = {}

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.object_lock.mode)
    error_message = "object_lock.mode: GOVERNANCE or COMPLIANCE; section A asks that master and copy can be compared, so published versions are never without a lock."
  }

  validation {
    condition     = var.object_lock.days >= 1 && floor(var.object_lock.days) == var.object_lock.days
    error_message = "object_lock.days: a whole number of days, at least 1."
  }
}

variable "superseded_days" {
  description = "Days after which a superseded version of a public copy is removed; longer than the lock. The masters stay on-premises for as long as Rule 12(2) asks."
  type        = number
  default     = 400

  validation {
    condition     = var.superseded_days > var.object_lock.days
    error_message = "superseded_days: more than object_lock.days, else the rule could never act."
  }
}

variable "viewer_protocol_policy" {
  description = "How relying parties may connect. Only \"allow-all\": clients fetch CRLs and OCSP responses over plain http, and needing TLS to check the certificate of a TLS server is circular (RFC 5280 8, RFC 6960 A.1)."
  type        = string
  default     = "allow-all"

  validation {
    condition     = var.viewer_protocol_policy == "allow-all"
    error_message = "viewer_protocol_policy: https-only and redirect-to-https lock out clients that fetch CRLs and OCSP responses over plain http. Use allow-all; what is published is signed by the CA."
  }
}

variable "response_headers" {
  description = "Further response headers, name to value, beside X-Content-Type-Options: nosniff. Strict-Transport-Security is refused: a browser that has seen it would no longer use plain http."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.response_headers) : lower(name) != "strict-transport-security"])
    error_message = "response_headers: Strict-Transport-Security (HSTS) would turn plain http off for this name and all that share it; CRL and OCSP clients need it."
  }

  validation {
    condition     = alltrue([for name in keys(var.response_headers) : !contains(["cache-control", "expires", "content-type", "etag", "last-modified"], lower(name))])
    error_message = "response_headers: Cache-Control, Expires, Content-Type, ETag and Last-Modified come from the publisher, which derives them from nextUpdate."
  }
}

variable "aliases" {
  description = "Public host names of the distribution, such as [\"repository.example.jp\"]."
  type        = list(string)
  default     = []
}

variable "acm_certificate_arn" {
  description = "Certificate in us-east-1 for the aliases. CloudFront wants one even when clients use http. It is a web server's certificate, no product of the published CA."
  type        = string
  default     = null

  validation {
    condition     = length(var.aliases) == 0 || var.acm_certificate_arn != null
    error_message = "acm_certificate_arn: CloudFront takes aliases only with a certificate that names them."
  }

  validation {
    condition     = var.acm_certificate_arn == null || can(regex("^arn:aws:acm:us-east-1:[0-9]{12}:certificate/", var.acm_certificate_arn))
    error_message = "acm_certificate_arn: an ACM certificate in us-east-1."
  }
}

variable "price_class" {
  description = "CloudFront price class. PriceClass_200 includes the Japanese edge locations; PriceClass_100 does not."
  type        = string
  default     = "PriceClass_200"

  validation {
    condition     = contains(["PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class: PriceClass_200 or PriceClass_All; PriceClass_100 has no edge location in Japan."
  }
}

variable "log_retention_days" {
  description = "How long the delivery logs are kept under lock: ten years or more."
  type        = number
  default     = 3653

  validation {
    condition     = var.log_retention_days >= 3653
    error_message = "log_retention_days: at least 3653 days; the survey asks for the related logs (items 3C56 and 3713), which are kept for ten years."
  }
}

variable "workload_ca_pem" {
  description = "Certificate of the CA that issues the publishing host's and the auditor's own client certificates (PEM), the trust anchor of IAM Roles Anywhere. Never a CA of this repository."
  type        = string

  validation {
    condition     = !can(regex("PRIVATE KEY", var.workload_ca_pem))
    error_message = "workload_ca_pem: it holds a private key. Only the certificate belongs here; treat the key as disclosed and replace it."
  }

  validation {
    condition     = can(regex("^\\s*-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\\s*$", var.workload_ca_pem))
    error_message = "workload_ca_pem: one PEM certificate."
  }

  validation {
    condition = !contains(
      [for pem in var.published_ca_pems : replace(pem, "/\\s/", "")],
      replace(var.workload_ca_pem, "/\\s/", ""),
    )
    error_message = "workload_ca_pem: this is a CA that the repository publishes. Its subscribers' certificates would then open the bucket; use a CA of your own for machines."
  }
}

variable "published_ca_pems" {
  description = "Certificates of the CAs that this repository publishes (PEM), so that none of them can become the trust anchor of the cloud's identities."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for pem in var.published_ca_pems : !can(regex("PRIVATE KEY", pem))])
    error_message = "published_ca_pems: a private key is among them. A CA key never leaves the HSM; treat it as disclosed, stop, and follow the CA's compromise plan."
  }
}

variable "trust_anchor_arn" {
  description = "Trust anchor that may open the identities: the roles_anywhere output of the first apply, given back in the second. null: any trust anchor of the account, which is right only while it has no other."
  type        = string
  default     = null

  validation {
    condition     = var.trust_anchor_arn == null || can(regex("^arn:aws:rolesanywhere:[a-z0-9-]+:[0-9]{12}:trust-anchor/[^*]+$", var.trust_anchor_arn))
    error_message = "trust_anchor_arn: the whole ARN of one trust anchor."
  }
}

variable "publisher_common_name" {
  description = "Common name in the publishing host's client certificate."
  type        = string
  default     = "seihon-publisher"
}

variable "auditor_common_name" {
  description = "Common name in the auditor's client certificate."
  type        = string
  default     = "seihon-auditor"

  validation {
    condition     = var.auditor_common_name != var.publisher_common_name
    error_message = "auditor_common_name: the auditor is not the publisher; who checks must not be able to write."
  }
}

variable "publisher_statements" {
  description = "Further policy statements for the publishing host, such as a topic it reports to. Anything that signs, deletes or unlocks is refused."
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
  }))
  default = []

  validation {
    condition     = alltrue([for s in var.publisher_statements : can(regex("^[A-Za-z0-9]+$", s.sid)) && length(s.resources) > 0])
    error_message = "publisher_statements: each has an alphanumeric sid and at least one resource."
  }
}

variable "break_glass_role_arns" {
  description = "Roles that may delete or unlock after a mistake, with two persons and a record. Empty: nobody but the account's root user through a change of the bucket policy."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.break_glass_role_arns : can(regex("^arn:aws:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "break_glass_role_arns: whole role ARNs without wildcards."
  }
}

variable "issuers" {
  description = "Issuers (the issuers[].name of repository.yaml) whose CRL is watched, each with the age in seconds that raises the alarm: more than its crl.refresh, less than its crl.validity. An absent figure raises it too."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for age in values(var.issuers) : age >= 60])
    error_message = "issuers: an age of at least one minute."
  }
}

variable "error_rate_alarm_percent" {
  description = "Share of 5xx answers at the edge that raises the alarm."
  type        = number
  default     = 1
}

variable "alarm_topic_arns" {
  description = "SNS topics in us-east-1 that the alarms notify. Pushed from inside, never polled (report 3-4 C)."
  type        = list(string)
  default     = []
}

variable "replication_topic_arns" {
  description = "SNS topics in Tokyo that the replication's alarm notifies; an alarm reaches topics of its own region only."
  type        = list(string)
  default     = []
}

variable "web_acl_rate_limit" {
  description = "Requests per client address and five minutes before a web ACL blocks it; null: no web ACL. Large organisations share addresses, so take thousands."
  type        = number
  default     = null

  validation {
    condition     = var.web_acl_rate_limit == null || try(var.web_acl_rate_limit >= 1000, false)
    error_message = "web_acl_rate_limit: at least 1000; a blocked relying party may accept a revoked certificate."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for value in values(var.tags) : !can(regex("PRIVATE KEY", value))])
    error_message = "tags: a private key is among the values."
  }
}
