# Core rules only: the rule sets of the clouds are downloaded at run time, and these checks run offline.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Files are cut by subject (storage, identity, edge, watch, policies), not into a main.tf.
rule "terraform_standard_module_structure" {
  enabled = false
}
