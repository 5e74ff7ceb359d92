# Reading plans, states and policy documents.
package main

finding(rule, address, reason) := {"rule": rule, "address": address, "msg": sprintf("%s: %s: %s", [rule, address, reason])}

# --- resources of a plan (planned_values) or a state (values), in modules as well

roots contains input.planned_values.root_module

roots contains input.values.root_module

resources contains r if {
	some root in roots
	walk(root, [_, r])
	is_object(r)
	r.address
	r.type
	is_object(r.values)
}

buckets contains r if {
	some r in resources
	r.type == "aws_s3_bucket"
	object.get(r, "mode", "managed") == "managed"
}

# --- what the configuration sets: module path and resource to attribute names

configured[address] contains attribute if {
	walk(input.configuration.root_module, [path, r])
	is_object(r)
	r.address
	r.expressions
	calls := [path[i + 1] | some i, step in path; step == "module_calls"]
	modules := concat("", [sprintf("module.%s.", [name]) | some name in calls])
	address := concat("", [modules, r.address])
	some attribute, _ in r.expressions
}

plain(address) := regex.replace(address, `\[[^\]]*\]`, "")

policy_attributes := {"policy", "assume_role_policy", "inline_policy", "permissions_boundary", "access_policy", "policy_document", "policy_data"}

# --- IAM documents: any string that holds one, whatever the attribute is called

statements contains s if {
	some r in resources
	walk(r.values, [_, text])
	is_string(text)
	contains(text, "\"Statement\"")
	json.is_valid(text)
	document := json.unmarshal(text)
	some i, raw in list(document.Statement)
	s := {
		"address": r.address,
		"sid": object.get(raw, "Sid", sprintf("statement %d", [i])),
		"effect": raw.Effect,
		"actions": list(object.get(raw, "Action", [])),
		"inverted": object.get(raw, "NotAction", null) != null,
		"principals": principals(raw),
	}
}

list(x) := x if is_array(x)

list(x) := [x] if not is_array(x)

principals(raw) := [raw.Principal] if is_string(raw.Principal)

principals(raw) := [p | some _, value in raw.Principal; some p in list(value)] if is_object(raw.Principal)

principals(raw) := ["*"] if raw.NotPrincipal

principals(raw) := [] if {
	not raw.Principal
	not raw.NotPrincipal
}

# CloudFront hands on what it may read, so what it may list everybody may list.
everybody(names) if {
	some name in names
	name in {"*", "cloudfront.amazonaws.com"}
}

everybody(names) if {
	some name in names
	startswith(name, "arn:aws:iam::cloudfront:user/") # an origin access identity
}

# grants reports whether an action pattern of IAM, case-insensitive with * and ?, takes in one of
# the actions.
grants(pattern, actions) if {
	some action in actions
	glob.match(lower(pattern), null, lower(action))
}

grants(pattern, actions) if {
	some action in actions
	endswith(action, ":*")
	startswith(lower(pattern), lower(trim_suffix(action, "*")))
}

signing_actions := {
	"kms:Sign", "kms:GenerateMac", "kms:CreateGrant", "kms:CreateKey", "kms:ImportKeyMaterial", "kms:CreateCustomKeyStore",
	"cloudhsm:*", "cloudhsmv2:*", "acm-pca:*", "signer:*", "payment-cryptography:*",
	"cloudhsm:CreateHsm", "acm-pca:IssueCertificate", "signer:StartSigningJob",
}

removal_actions := {
	"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:BypassGovernanceRetention",
	"s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning",
	"s3:PutLifecycleConfiguration", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:ReplicateDelete",
}

# --- signing resources

signing_resource(r) if regex.match(`^(aws_cloudhsm|aws_acmpca|aws_signer|aws_paymentcryptography|google_privateca)_`, r.type)

signing_resource(r) if r.type in {"aws_kms_custom_key_store", "aws_kms_external_key", "google_kms_key_ring_import_job"}

signing_resource(r) if r.values.key_usage in {"SIGN_VERIFY", "GENERATE_VERIFY_MAC"}

signing_resource(r) if {
	r.type == "google_kms_crypto_key"
	r.values.purpose in {"ASYMMETRIC_SIGN", "MAC"}
}

signing_resource(r) if {
	r.type == "aws_kms_grant"
	some operation in r.values.operations
	operation in {"Sign", "GenerateMac", "CreateGrant"}
}

# --- key material

key_material(value) if {
	is_string(value)
	regex.match(`-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----|AGE-SECRET-KEY-1|PuTTY-User-Key-File`, value)
}

# The same keys in base64 without their labels: PKCS #8 of RSA, EC and Ed25519, SEC 1, PKCS #1.
key_material(value) if {
	is_string(value)
	regex.match(`^\s*(MI[A-Za-z0-9+/]{1,6}(IBADANBgkqhkiG9w0BAQEFAAS|AgEAMBMGByqGSM49AgEG|AgEAMBAGByqGSM49AgEG|IBAAKC)|MC4CAQAwBQYDK2Vw|MHcCAQEEI|MIGkAgEBBD|MIHcAgEBBEI)`, value)
}

# PEM inside base64, as secrets are often handed around.
key_material(value) if {
	is_string(value)
	startswith(value, "LS0tLS1CRUdJTi")
	contains(base64.decode(value), "PRIVATE KEY")
}

# --- http

hsts(path, value) if {
	path[count(path) - 1] == "strict_transport_security"
	count(value) > 0
}

hsts(path, value) if {
	is_string(value)
	regex.match(`(?i)^strict-transport-security`, value)
}

redirects(_, path, value) if {
	path[count(path) - 1] == "https_redirect"
	value == true
}

redirects("aws_lb_listener", path, value) if {
	path[count(path) - 1] == "redirect"
	some r in value
	r.protocol == "HTTPS"
}

# --- locks

lock_gaps(b) := gaps if {
	gaps := {reason |
		some kind, reason in {
			"enabled": "object_lock_enabled is not true",
			"versioning": "no aws_s3_bucket_versioning of this bucket is Enabled",
			"retention": "no aws_s3_bucket_object_lock_configuration gives this bucket a default retention",
		}
		not lock_part(kind, b)
	}
}

lock_part("enabled", b) if b.values.object_lock_enabled == true

lock_part("versioning", b) if {
	some r in resources
	r.type == "aws_s3_bucket_versioning"
	r.values.bucket == b.values.bucket
	r.values.versioning_configuration[_].status == "Enabled"
}

lock_part("retention", b) if {
	some r in resources
	r.type == "aws_s3_bucket_object_lock_configuration"
	r.values.bucket == b.values.bucket
	some retention in r.values.rule[_].default_retention
	retention.mode in {"GOVERNANCE", "COMPLIANCE"}
	some length in [retention.days, retention.years]
	length > 0
}

lock_part("retention", b) if {
	some r in resources
	r.type == "aws_s3_bucket_object_lock_configuration"
	r.values.bucket == b.values.bucket
	some retention in r.values.rule[_].default_retention
	retention.mode in {"GOVERNANCE", "COMPLIANCE"}
	retention.days > 0
}

gcs_keeps(b) if b.values.versioning[_].enabled == true

gcs_keeps(b) if b.values.retention_policy[_].retention_period > 0

gcs_keeps(b) if b.values.soft_delete_policy[_].retention_duration_seconds > 0

conditional(grant) if {
	some condition in grant.values.condition
	contains(condition.expression, "resource.name")
}

uses_role(grant, role) if grant.values.role == role.values.name

uses_role(grant, role) if endswith(grant.values.role, concat("", ["/roles/", role.values.role_id]))

# --- attachments and boundaries

attached(r) := {arn | some arn in array.concat([object.get(r.values, "policy_arn", "")], object.get(r.values, "managed_policy_arns", [])); is_string(arn); arn != ""} if {
	startswith(r.type, "aws_iam_")
	r.type != "aws_iam_policy"
}

own_policy(arn) if {
	some r in resources
	r.type == "aws_iam_policy"
	endswith(arn, concat("", [":policy", object.get(r.values, "path", "/"), r.values.name]))
}

bounded(role) if {
	some r in resources
	r.type == "aws_iam_policy"
	endswith(role.values.permissions_boundary, concat("", [":policy", object.get(r.values, "path", "/"), r.values.name]))
	denied := {lower(action) | some s in statements; s.address == r.address; s.effect == "Deny"; some action in s.actions}
	every needed in {"kms:sign", "cloudhsm:*", "cloudhsmv2:*", "acm-pca:*", "s3:deleteobject*", "s3:bypassgovernanceretention"} {
		needed in denied
	}
}
