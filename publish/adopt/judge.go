package adopt

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ocspcache"
	"seihon/public"
)

// judge says what an object is. What it is called matters only for what its content does not tell.
func (m *master) judge(ctx context.Context, o *Object, b []byte) {
	a := artifact.Parse(b)
	o.Kind = a.Kind
	if m.own(ctx, o, b) {
		return
	}
	switch a.Kind {
	case artifact.PrivateKey, artifact.RegistrationData, artifact.LedgerMaster, artifact.Log:
		o.Class, o.Detail = Secret, a.Problem
		return
	}
	if why := junk(o.Name); why != "" {
		o.Class, o.Detail = Remove, why
		return
	}
	if len(b) == 0 {
		o.Class, o.Detail = Remove, "it is empty"
		return
	}
	if m.recorded(o, o.Digest, "") {
		return
	}
	if der := inPEM(b); der != nil {
		a = artifact.Parse(der)
		o.Kind = a.Kind
		if m.recorded(o, a.Digest, "it is in PEM, and the master in DER") {
			return
		}
		o.Detail = "it is in PEM"
	}
	m.judgeContent(o, a)
	if (o.Class == Unknown || o.Class == Accept && !m.fits(o)) && m.synced(o.Name) {
		o.Class, o.Artifact = Replace, m.of(o.Name)
		o.Detail = join(o.Detail, "the master has another content for this name")
	}
}

// fits reports whether an object is of the kind that the master has under its name.
func (m *master) fits(o *Object) bool {
	k := m.current[m.of(o.Name)].Kind
	return k == o.Kind || k.IsCertificate() && o.Kind.IsCertificate()
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// inPEM returns what a text with one PEM block holds.
func inPEM(b []byte) []byte {
	block, rest := pem.Decode(b)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil
	}
	return block.Bytes
}

// own recognises what only this publisher puts on a target: the log and OCSP. publisher verify compares it byte for
// byte.
func (m *master) own(ctx context.Context, o *Object, b []byte) bool {
	n, err := public.Parse(o.Name)
	if err != nil {
		return false
	}
	switch n.Kind {
	case artifact.Checkpoint:
		o.Class, o.Artifact = Known, o.Name
		if err := m.log.Consistent(ctx, b); err != nil {
			o.Class, o.Detail = Foreign, err.Error()
		}
		return true
	case artifact.Tile, artifact.Manifest, artifact.OCSPBundle:
		o.Class, o.Kind, o.Artifact = Known, n.Kind, o.Name
		return o.Kind != artifact.OCSPBundle || len(m.past[o.Digest]) > 0
	case artifact.OCSPGeneration:
		if g, _, err := ocspcache.ParseGeneration(b); err == nil && len(m.past[artifact.Sum(g.Body())]) > 0 {
			o.Class, o.Kind, o.Artifact = Known, n.Kind, o.Name
			return true
		}
	case artifact.OCSPResponse:
		if r, err := artifact.ParseResponse(b); err == nil {
			if _, _, err := m.trust.CheckResponse(r); err == nil {
				o.Class, o.Kind, o.Artifact = Known, n.Kind, o.Name
				return true
			}
		}
	}
	return false
}

// recorded recognises bytes that the master has or had. form says in what other form they are.
func (m *master) recorded(o *Object, d artifact.Digest, form string) bool {
	own := m.of(o.Name)
	switch now, ever := m.names[d], m.past[d]; {
	case slices.Contains(now, own):
		o.Class, o.Artifact = Known, own
		if o.Detail = join(form, m.headers(o, own)); o.Detail != "" {
			o.Class = Replace
		}
	case slices.Contains(ever, own):
		o.Class, o.Artifact, o.Detail = Replace, own, join(form, "an earlier version of "+own)
	case len(now) > 0:
		m.elsewhere(o, first(now), join(form, "the master of "+first(now)))
	case len(ever) > 0 && m.synced(first(ever)):
		m.elsewhere(o, first(ever), join(form, "an earlier version of "+first(ever)))
	default:
		return false
	}
	return true
}

// headers says what is wrong with the headers that a store keeps with the right bytes: clients and caches go by them.
func (m *master) headers(o *Object, own string) string {
	line := m.current[own]
	want := public.HeaderFor(line.Kind, time.Time{}, time.Time{}, time.Time{}, 0).ContentType
	switch {
	case o.contentType == "":
		return ""
	case o.contentType != want:
		return fmt.Sprintf("the bytes are right, its Content-Type is %s, must be %s", o.contentType, want)
	case o.cacheControl == "":
		return "the bytes are right, it has no Cache-Control"
	}
	return ""
}

// first is the name that certificates point at, rather than that of an archived copy.
func first(names []string) string {
	for _, name := range names {
		if n, err := public.Parse(name); err == nil && !n.History {
			return name
		}
	}
	return names[0]
}

// elsewhere is for something of the master under another name than its own.
func (m *master) elsewhere(o *Object, of, detail string) {
	o.Artifact, o.Detail = of, detail
	if m.synced(o.Name) {
		o.Class, o.Artifact = Replace, m.of(o.Name)
		o.Detail = join(detail, "under the name of "+o.Artifact)
		return
	}
	o.Class = Alias
	if _, err := public.ParseAlias(written(o.Name), of); err != nil {
		o.Class, o.Detail = Unknown, join(detail, "which cannot be an alias: "+err.Error())
	}
}

// judgeContent is for what the master never had.
func (m *master) judgeContent(o *Object, a *artifact.Artifact) {
	o.Class, o.Detail = Unknown, join(o.Detail, a.Problem)
	switch k := a.Kind; {
	case a.CRL != nil:
		m.judgeList(o, a)
	case k == artifact.SubscriberCertificate:
		o.Class, o.Detail = Remove, "it is a subscriber's certificate, which is not public without consent (section A)"
	case k.IsCertificate() && len(a.Certificates) == 1:
		c := a.Certificates[0]
		for _, issuer := range m.trust.IssuersByName(c.RawIssuer) {
			if issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
				o.Class, o.Detail = Accept, join(o.Detail, "it is the certificate of "+c.Subject.String())
				return
			}
		}
		o.Detail = join(o.Detail,
			"it is the certificate of "+c.Subject.String()+", and no CA of this hierarchy signed it")
	case k == artifact.Document, k == artifact.DocumentSignature:
		o.Class = Accept
	case k == artifact.IndexPage && isListing(a.Bytes):
		o.Class, o.Detail = Remove, "it is the listing of a folder that a web server made"
	case k == artifact.OCSPResponse:
		o.Detail = "it is a single OCSP response; the responder answers from the room's"
	}
	if o.Class == Remove && m.synced(o.Name) {
		o.Class = Unknown // a sync writes this name
	}
}

// judgeList compares a list with the master's of the same CA and scope.
func (m *master) judgeList(o *Object, a *artifact.Artifact) {
	issuer, err := m.trust.CheckCRL(a.CRL)
	if err != nil {
		o.Detail = join(o.Detail, "it is a list that no CA of this hierarchy signed")
		return
	}
	ours := m.sameList(a.CRL, issuer)
	if ours == nil {
		o.Class, o.Detail = Accept,
			join(o.Detail, "it is a list of "+issuer.Subject.String()+", and the master has none of its scope")
		return
	}
	what := "it is number " + numberOf(a.CRL) + " of " + stamp(a.CRL)
	newer := "the master has number " + numberOf(ours.list) + " of " + stamp(ours.list)
	switch order := compare(a.CRL, ours.list); {
	case order > 0:
		o.Class, o.Artifact, o.Detail = Newer, ours.name, join(o.Detail, what, newer)
	case order == 0:
		o.Class, o.Artifact, o.Detail = Newer, ours.name,
			join(o.Detail, what, newer, "the number is the same, the bytes are not")
	case m.of(o.Name) == ours.name:
		o.Class, o.Artifact, o.Detail = Replace, ours.name, join(o.Detail, what, newer)
	default:
		m.elsewhere(o, ours.name, join(o.Detail, what, newer))
	}
}

// compare orders lists by their numbers, and where one has none by their dates.
func compare(a, b *artifact.RevocationList) int {
	if a.Number != nil && b.Number != nil {
		if order := a.Number.Cmp(b.Number); order != 0 {
			return order
		}
		return max(0, a.ThisUpdate.Compare(b.ThisUpdate))
	}
	return a.ThisUpdate.Compare(b.ThisUpdate)
}

func numberOf(l *artifact.RevocationList) string {
	if l.Number == nil {
		return "none"
	}
	return l.Number.String()
}

func stamp(l *artifact.RevocationList) string {
	return l.ThisUpdate.UTC().Format("2006-01-02T15:04:05Z")
}

func isListing(b []byte) bool {
	head := strings.ToLower(string(b[:min(len(b), 4096)]))
	return strings.Contains(head, "<title>index of ") || strings.Contains(head, "<title>directory listing") ||
		strings.Contains(head, "<h1>index of ")
}

var backup = regexp.MustCompile(`(?i)(~|\.(bak|backup|old|orig|save|swp|swo|tmp|temp|part|rej)(\.?[0-9]+)?|\.(bk|copy)|_old|-old|\.[0-9]{8,14})$`)

// junk says by a name alone why an object must go.
func junk(name string) string {
	for s := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(s, ".") {
			return fmt.Sprintf("the name %q begins with a dot: it is of a tool, and none of the repository's", s)
		}
	}
	switch base := path.Base(name); {
	case strings.HasSuffix(name, "/"):
		return "it is the mark of a folder"
	case backup.MatchString(base):
		return "it is a backup or a temporary file by its name"
	case slices.Contains([]string{"thumbs.db", "desktop.ini", "web.config"}, strings.ToLower(base)):
		return "it is a file of a desktop or a web server"
	}
	return ""
}
