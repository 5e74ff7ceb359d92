package public

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"seihon/artifact"
)

// An Alias is a further public name of an artifact, outside of the grammar: the path by which certificates that were
// issued before this repository began point at it. What lies there is the artifact, byte for byte.
type Alias struct {
	Name     string // of the object: the path behind the base address, with nothing percent-encoded
	Artifact string // the public name of the artifact
}

// ParseAlias reads an alias. path is as it stands in a URL behind the base address, such as CertEnroll/Sub%20CA+.crl:
// percent-encoding is decoded, a plus sign is a plus sign.
func ParseAlias(path, of string) (Alias, error) {
	if err := checkAliased(of); err != nil {
		return Alias{}, fmt.Errorf("alias of %.120q: %w", of, err)
	}
	name, err := aliasName(path)
	if err == nil {
		err = checkAlias(name, of)
	}
	if err != nil {
		return Alias{}, fmt.Errorf("alias %.120q: %w", path, err)
	}
	return Alias{Name: name, Artifact: of}, nil
}

// checkAliased admits the artifacts to which certificates point: lists, certificates and documents.
func checkAliased(name string) error {
	n, err := Parse(name)
	if err != nil {
		return err
	}
	switch k := n.Kind; {
	case k == "", k.IsRevocationList(), k == artifact.LinkCertificate, k == artifact.CrossCertificate,
		k == artifact.CertificateBundle,
		k == artifact.Document, k == artifact.DocumentSignature:
		return nil
	}
	return errors.New("only lists, certificates and documents have aliases")
}

func aliasName(path string) (string, error) {
	if strings.ContainsAny(path, "?#") {
		return "",
			errors.New("it has a query or a fragment, which are no part of a name; where a character of the name is " +
				"meant, write %3F or %23")
	}
	name, err := url.PathUnescape(path)
	if err != nil {
		return "", fmt.Errorf("its percent-encoding is broken: %w", err)
	}
	switch {
	case name == "" || len(name) > maxName:
		return "", fmt.Errorf("it must have 1 to %d bytes", maxName)
	case strings.HasPrefix(name, "/"):
		return "",
			errors.New("it begins with a slash; it is a path behind the base address, without a slash at its beginning")
	case strings.Contains(name, "://"):
		return "", errors.New("it is a whole URL; write the path behind the base address only")
	case !utf8.ValidString(name):
		return "", errors.New("it is not UTF-8")
	case strings.ContainsAny(name, "\\:") || strings.ContainsFunc(name, unicode.IsControl):
		return "",
			errors.New("it has a backslash, a colon or a control character, which a folder cannot hold everywhere")
	}
	for s := range strings.SplitSeq(name, "/") {
		switch {
		case s == "":
			return "", errors.New("it has an empty part: two slashes, or one at its end")
		case s == "." || s == "..":
			return "", fmt.Errorf("it leads elsewhere by %q", s)
		case s[0] == '.':
			return "", fmt.Errorf("its part %q begins with a dot; such names are never public", s)
		}
	}
	return name, nil
}

// reservedFolders are those whose every name is the publisher's own.
var reservedFolders = []string{"log", "ocsp"}

// checkAlias refuses names that mean something else in this repository.
func checkAlias(name, of string) error {
	if name == of {
		return errors.New("it is the artifact's own name")
	}
	top, _, _ := strings.Cut(strings.ToLower(name), "/")
	if slices.Contains(reservedFolders, top) || top == "healthz" || top == "readyz" {
		return fmt.Errorf("%q is reserved for what the publisher and the responder put there themselves", top)
	}
	n, err := Parse(name)
	if err != nil {
		return nil // outside of the grammar, as most are
	}
	switch n.Kind {
	case artifact.IndexPage, artifact.SubscriberCertificate:
		return fmt.Errorf("it is the name of a %s", n.Kind)
	}
	if promised, _ := Parse(of); n.Kind != promised.Kind {
		return fmt.Errorf("by its name it is of kind %s, and %s is of kind %s", orCertificate(n.Kind), of,
			orCertificate(promised.Kind))
	}
	return nil
}

// orCertificate names the kind of cert/<label>.cer, which only the content tells exactly.
func orCertificate(k artifact.Kind) artifact.Kind { return cmp.Or(k, "certificate") }

// Aliases are all aliases of a repository, each name once, in byte order of the names.
type Aliases []Alias

// NewAliases orders aliases. Of two with one name the first stays; [Aliases.Clash] finds such pairs.
func NewAliases(all []Alias) Aliases {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Alias) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(sorted, func(a, b Alias) bool { return a.Name == b.Name })
}

// Of returns the artifact whose alias a name is.
func (a Aliases) Of(name string) (of string, ok bool) {
	i, ok := slices.BinarySearchFunc(a, name, func(x Alias, name string) int { return strings.Compare(x.Name, name) })
	if !ok {
		return "", false
	}
	return a[i].Artifact, true
}

// For returns the aliases of an artifact.
func (a Aliases) For(of string) (names []string) {
	for _, x := range a {
		if x.Artifact == of {
			names = append(names, x.Name)
		}
	}
	return names
}

// Clash says why an alias cannot stand beside other names of the repository, "" when it can. Names that differ in case
// only are one file in the folders of some systems, and a name cannot be a file and a folder.
func (x Alias) Clash(other Alias) string {
	switch {
	case x.Name == other.Name && x.Artifact != other.Artifact:
		return fmt.Sprintf("is the alias of two artifacts, %s and %s", other.Artifact, x.Artifact)
	case strings.EqualFold(x.Name, other.Name) && x.Artifact != other.Artifact:
		return fmt.Sprintf("differs from %q of %s in case only, and folders of some systems take the two for one",
			other.Name, other.Artifact)
	case strings.HasPrefix(other.Name, x.Name+"/"):
		return fmt.Sprintf("is a folder of %q; a name is a file or a folder", other.Name)
	case strings.HasPrefix(x.Name, other.Name+"/"):
		return fmt.Sprintf("lies below %q, which is a file", other.Name)
	}
	return ""
}
