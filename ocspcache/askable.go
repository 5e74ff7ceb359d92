package ocspcache

import "regexp"

// askables are the forms of the names that a repository can have. The origin is
// not asked about others: who invents names would have it answer each of them.
var askables = regexp.MustCompile(`^(?:` +
	`crl(?:/[A-Za-z0-9._-]+){1,3}\.crl` +
	`|cert(?:/[A-Za-z0-9._-]+){1,3}\.(?:cer|crt|der|p7c|p7b)` +
	`|docs(?:/[A-Za-z0-9._-]+){1,3}\.(?:pdf|html|txt|md|xml|p7s)` +
	`|log/checkpoint` +
	`|log/manifests/[0-9a-f]{64}` +
	`|log/tile/(?:[0-5]?[0-9]|6[0-3]|entries)(?:/x[0-9]{3}){0,5}/[0-9]{3}(?:\.p/(?:[1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?` +
	`|ocsp/[A-Za-z0-9._-]+\.generation` +
	`|ocsp/(?:s1|s2|s384|s512)/[0-9a-f]{40,128}/[0-9a-f]{2,48}` +
	`|[A-Za-z0-9._-]+\.(?:html|p7s)` +
	`)$`)

func askable(name string) bool { return askables.MatchString(name) }
