variable "name" {
  description = "Name of the repository and its bucket; the evidence bucket adds \"-evidence\"."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,50}[a-z0-9]$", var.name))
    error_message = "name: 4 to 52 lower case letters, digits and hyphens."
  }
}

variable "project_id" {
  description = "Project that owns everything."
  type        = string
}

variable "project_number" {
  description = "Number of the project. An input, so that every grant is readable before the first apply."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "project_number: digits."
  }
}

variable "location" {
  description = "Dual region of the public bucket: ASIA1 is Tokyo and Osaka."
  type        = string
  default     = "ASIA1"
}

variable "prefix" {
  description = "Prefix of every key, the targets[].gcs.prefix of repository.yaml; empty, or ends with \"/\"."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9][a-z0-9._-]*/)*$", var.prefix))
    error_message = "prefix: lower case path segments that each end with \"/\", or nothing."
  }
}

variable "soft_delete_days" {
  description = "Days in which a deleted or overwritten object can be restored: 7 to 90."
  type        = number
  default     = 90

  validation {
    condition     = var.soft_delete_days >= 7 && var.soft_delete_days <= 90
    error_message = "soft_delete_days: 7 to 90. Without it a deletion is final, and overwriting needs the permission to delete."
  }
}

variable "superseded_days" {
  description = "Days after which a superseded version of a public copy is removed."
  type        = number
  default     = 400

  validation {
    condition     = var.superseded_days >= 90
    error_message = "superseded_days: at least 90."
  }
}

variable "evidence_retention_days" {
  description = "How long logs of access and of writing are kept under retention: ten years or more."
  type        = number
  default     = 3653

  validation {
    condition     = var.evidence_retention_days >= 3653
    error_message = "evidence_retention_days: at least 3653 days; the survey asks for the related logs (items 3C56 and 3713), which are kept for ten years."
  }
}

variable "lock_evidence" {
  description = "Lock the evidence bucket's retention for ever. It cannot be undone; set it when the repository goes live."
  type        = bool
  default     = false
}

variable "host_name" {
  description = "Public host name, for a second, https front end beside port 80; null: http alone."
  type        = string
  default     = null
}

variable "response_headers" {
  description = "Further response headers as \"Name: value\". Strict-Transport-Security is refused."
  type        = list(string)
  default     = ["X-Content-Type-Options: nosniff"]

  validation {
    condition     = alltrue([for h in var.response_headers : !startswith(lower(h), "strict-transport-security")])
    error_message = "response_headers: Strict-Transport-Security (HSTS) would turn plain http off; CRL and OCSP clients need it."
  }
}

variable "responder" {
  description = "The keyless responder (`publisher serve`) behind /ocsp: domain name and port of its http service. null: no OCSP, since Cloud CDN cannot map an OCSP request to an object."
  type = object({
    domain = string
    port   = optional(number, 80)
  })
  default = null
}

variable "workload_ca_pem" {
  description = "Certificate of the CA that issues the publishing host's and the auditor's own client certificates (PEM), the trust anchor of workload identity federation. Never a CA of this repository."
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

variable "publisher_roles" {
  description = "Further project roles for the publishing host. Roles that sign, delete or administer are refused."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for role in var.publisher_roles : !can(regex("^roles/(owner|editor|cloudkms\\.|privateca\\.|iam\\.)", role))])
    error_message = "publisher_roles: signing-permission: section A (s3) accepts no signing key and no signing logic in the cloud, and no role that could grant one."
  }

  validation {
    condition     = alltrue([for role in var.publisher_roles : !startswith(role, "roles/storage.")])
    error_message = "publisher_roles: delete-permission: what the publishing host may do with objects is the module's business."
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

variable "notification_channels" {
  description = "Monitoring notification channels that the alarms notify."
  type        = list(string)
  default     = []
}

variable "labels" {
  description = "Labels of every resource that takes them."
  type        = map(string)
  default     = {}
}
