# METADATA
# title: Section A of the report, read from Terraform
# description: |
#   Input is the JSON of `terraform show -json`, of a plan or of a state. Each element of deny
#   names the rule, the resource and the reason. What cannot be read is denied, too: a guardrail
#   that silently sees nothing proves nothing. Works with `conftest test`, `opa eval` and the
#   program in terraform/test/cmd/section-a.
package main

deny contains finding("unreadable", "input", "this is neither a plan nor a state with resources; give the output of `terraform show -json`") if {
	count(resources) == 0
}

# --- signing: report 3-4 (2) A, note s3: no signing key, no signing logic in the cloud

deny contains finding("signing-permission", s.address, sprintf("%s allows %s: section A (s3) accepts no signing key and no signing logic in the cloud", [s.sid, action])) if {
	some s in statements
	s.effect == "Allow"
	some action in s.actions
	grants(action, signing_actions)
}

deny contains finding("signing-permission", r.address, sprintf("%s keeps or uses signing keys in the cloud (s3)", [r.type])) if {
	some r in resources
	signing_resource(r)
}

deny contains finding("signing-permission", r.address, sprintf("the role %s may sign (s3)", [r.values.role])) if {
	some r in resources
	regex.match(`^roles/(owner|editor|cloudkms\.(admin|signer|signerVerifier|cryptoOperator|importer)|privateca\.)`, r.values.role)
}

deny contains finding("signing-permission", r.address, sprintf("the permission %s signs (s3)", [permission])) if {
	some r in resources
	some permission in r.values.permissions
	regex.match(`^(cloudkms\.cryptoKeyVersions\.use|privateca\.)`, permission)
}

# --- key material

deny contains finding("private-key", concat("", ["var.", name]), "a private key is among the variables; treat it as disclosed and replace it") if {
	some name, variable in input.variables
	walk(variable, [_, value])
	key_material(value)
}

deny contains finding("private-key", r.address, sprintf("the attribute %s holds a private key", [concat(".", [sprintf("%v", [p]) | some p in path])])) if {
	some r in resources
	walk(r.values, [path, value])
	key_material(value)
}

deny contains finding("private-key", concat("", ["output.", name]), "a private key is among the outputs") if {
	some part in ["planned_values", "values"]
	some name, output in input[part].outputs
	walk(output, [_, value])
	key_material(value)
}

deny contains finding("private-key", "configuration", "a private key is written in the configuration") if {
	walk(input.configuration, [_, value])
	key_material(value)
}

deny contains finding("private-key", r.address, sprintf("%s would put a secret key into the state", [r.type])) if {
	some r in resources
	r.type in {"tls_private_key", "aws_iam_access_key", "google_service_account_key", "aws_key_pair"}
}

# --- plain http must work: RFC 5280 8, RFC 6960 A.1

deny contains finding("https-only", r.address, sprintf("viewer_protocol_policy is %q: clients fetch CRLs and OCSP responses over plain http", [value])) if {
	some r in resources
	r.type == "aws_cloudfront_distribution"
	walk(r.values, [path, value])
	path[count(path) - 1] == "viewer_protocol_policy"
	value != "allow-all"
}

deny contains finding("https-only", r.address, "Strict-Transport-Security turns plain http off") if {
	some r in resources
	walk(r.values, [path, value])
	hsts(path, value)
}

deny contains finding("https-only", r.address, "http is redirected to https: clients fetch CRLs and OCSP responses over plain http") if {
	some r in resources
	walk(r.values, [path, value])
	redirects(r.type, path, value)
}

# --- listing and writing by everybody

deny contains finding("public-listing", s.address, sprintf("%s lets everybody list the bucket with %s", [s.sid, action])) if {
	some s in statements
	s.effect == "Allow"
	everybody(s.principals)
	some action in s.actions
	grants(action, {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"})
}

deny contains finding("public-write", s.address, sprintf("%s lets everybody write with %s", [s.sid, action])) if {
	some s in statements
	s.effect == "Allow"
	everybody(s.principals)
	some action in s.actions
	grants(action, {"s3:PutObject", "s3:PutObjectAcl", "sts:AssumeRole"})
}

deny contains finding("public-listing", r.address, sprintf("the canned ACL %s is public", [r.values.acl])) if {
	some r in resources
	startswith(r.values.acl, "public-")
}

deny contains finding("public-listing", r.address, sprintf("%s is off", [setting])) if {
	some r in resources
	r.type == "aws_s3_bucket_public_access_block"
	some setting in ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"]
	object.get(r.values, setting, false) != true
}

deny contains finding("public-listing", b.address, "the bucket has no public access block") if {
	some b in buckets
	count([r | some r in resources; r.type == "aws_s3_bucket_public_access_block"; r.values.bucket == b.values.bucket]) == 0
}

deny contains finding("public-listing", r.address, sprintf("everybody gets %s; only roles/storage.legacyObjectReader reads without listing", [r.values.role])) if {
	some r in resources
	regex.match(`^google_storage_.*iam_(member|binding)$`, r.type)
	members := array.concat(object.get(r.values, "members", []), [object.get(r.values, "member", "")])
	some member in members
	member in {"allUsers", "allAuthenticatedUsers"}
	r.values.role != "roles/storage.legacyObjectReader"
}

# --- removal: s5, s6: the copy stays comparable with the master

deny contains finding("delete-permission", s.address, sprintf("%s allows %s: nothing published may be removed or unlocked", [s.sid, action])) if {
	some s in statements
	s.effect == "Allow"
	some action in s.actions
	grants(action, removal_actions)
}

deny contains finding("delete-permission", r.address, "force_destroy empties the bucket with the resource") if {
	some r in resources
	r.values.force_destroy == true
}

deny contains finding("delete-permission", r.address, sprintf("the role %s may delete objects", [r.values.role])) if {
	some r in resources
	regex.match(`^roles/storage\.(admin|objectAdmin|objectUser|legacyBucketOwner|legacyBucketWriter)$`, r.values.role)
}

# Cloud Storage asks for storage.objects.delete to overwrite. A custom role that has it is accepted
# where every grant of it is bound by a condition to names that are replaced.
deny contains finding("delete-permission", r.address, "storage.objects.delete without a condition on resource.name: bind it to the names that are replaced") if {
	some r in resources
	r.type == "google_project_iam_custom_role"
	"storage.objects.delete" in r.values.permissions
	some grant in resources
	regex.match(`^google_storage_bucket_iam_(member|binding)$`, grant.type)
	uses_role(grant, r)
	not conditional(grant)
}

deny contains finding("delete-permission", c.address, sprintf("the plan removes or replaces %s", [c.type])) if {
	some c in input.resource_changes
	c.type in {"aws_s3_bucket", "aws_s3_bucket_versioning", "aws_s3_bucket_object_lock_configuration", "aws_s3_bucket_policy", "google_storage_bucket"}
	"delete" in c.change.actions
}

# --- locks

deny contains finding("no-object-lock", b.address, reason) if {
	some b in buckets
	some reason in lock_gaps(b)
}

deny contains finding("no-object-lock", b.address, "the bucket keeps neither versions nor deleted objects") if {
	some b in resources
	b.type == "google_storage_bucket"
	not gcs_keeps(b)
}

# --- what cannot be read is denied

deny contains finding("unknown-policy", c.address, sprintf("%s is known only after apply, so nobody can judge it; build it from inputs", [path[0]])) if {
	some c in input.resource_changes
	walk(c.change.after_unknown, [path, unknown])
	unknown == true
	path[count(path) - 1] in policy_attributes
	path[0] in configured[plain(c.address)]
}

deny contains finding("unknown-policy", c.address, sprintf("%s of the grant is known only after apply, so nobody can judge it; build it from inputs", [path[count(path) - 1]])) if {
	some c in input.resource_changes
	regex.match(`^google_.*iam_(member|binding|custom_role)$`, c.type)
	walk(c.change.after_unknown, [path, unknown])
	unknown == true
	path[count(path) - 1] in {"role", "permissions", "expression"}
}

deny contains finding("unknown-policy", r.address, sprintf("%s is attached but its text is not part of this configuration", [arn])) if {
	some r in resources
	some arn in attached(r)
	not own_policy(arn)
}

deny contains finding("unknown-policy", s.address, sprintf("%s allows everything but a list (NotAction)", [s.sid])) if {
	some s in statements
	s.effect == "Allow"
	s.inverted
}

# --- the ceiling

deny contains finding("no-boundary", r.address, "it has no permissions boundary of this configuration that denies signing and removal") if {
	some r in resources
	r.type in {"aws_iam_role", "aws_iam_user"}
	not bounded(r)
}
