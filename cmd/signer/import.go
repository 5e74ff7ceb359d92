package main

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/books"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
	"seihon/internal/regular"
	"seihon/internal/unwrap"
	"seihon/inventory"
	"seihon/inventory/source"
	"seihon/override"
)

// maxCRL bounds a CRL that is imported, maxSerials a list of serials.
const (
	maxCRL     = 1 << 30
	maxSerials = 1 << 20
)

func importCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "import",
		Usage: "take over what another CA software issued and revoked; refuses a past that changed",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "the issuer `NAME`", Required: true},
			&cli.StringFlag{Name: "index", Usage: "OpenSSL's index.txt `FILE`"},
			&cli.StringFlag{Name: "csv", Usage: "a CSV `FILE` with a header; docs/inventory.md names the columns"},
			&cli.StringFlag{Name: "jsonl", Usage: "a `FILE` with a JSON object per line"},
			&cli.StringFlag{Name: "certificates", Usage: "a `FOLDER` of certificates, or one file; PEM or DER"},
			&cli.StringFlag{Name: "crl", Usage: "a signed CRL `FILE`; later lists get higher numbers"},
			&cli.StringFlag{Name: "ca",
				Usage: "with --crl or --certificates: an older certificate `FILE` of the same CA name and key; " +
					"default: the master's"},
			&cli.StringFlag{Name: "sql", Usage: "a database `DSN` (needs --query or --ejbca)"},
			&cli.StringFlag{Name: "query", Usage: "with --sql: a `FILE` with the query"},
			&cli.StringFlag{Name: "ejbca", Usage: "with --sql: read EJBCA's CertificateData of the issuer `DN`"},
			&cli.StringFlag{Name: "ejbca-ca",
				Usage: "with --ejbca: the hex SHA-1 `FINGERPRINT` of the CA certificate, to tell the keys of a " +
					"renewed CA apart"},
			&cli.StringFlag{Name: "never-issued",
				Usage: "a `FILE` with a serial in hex per line that no certificate was ever issued under; needs " +
					"ocsp.never_issued"},
			&cli.StringFlag{Name: "no-past",
				Usage: "say on record, with the `REASON`, that a CA which was taken over revoked nothing before; " +
					"without a past it signs no list"},
			&cli.BoolFlag{Name: "partial", Usage: "serials may be missing from the input"},
			&cli.BoolFlag{Name: "empty", Usage: "the input is known to have no record"},
			&cli.BoolFlag{Name: "dry-run", Usage: "judge the input and change nothing"},
			&cli.StringFlag{Name: "override", Usage: "a signed permission `FILE` for what is refused"},
			approvalFlag, askFlag,
		),
		Action: func(c *cli.Context) error {
			o, err := readOverride(c)
			if err != nil {
				return err
			}
			if o == nil || c.Bool("dry-run") || c.String("never-issued") != "" {
				if err := noApproval(c, "an import without --override, or a trial of one"); err != nil {
					return err
				}
				return withBooks(c, now, func(b *books.Books) error { return importSource(c, b) })
			}
			return importOverridden(c, now, o)
		},
	}
}

// importOverridden imports with an override, which may need approval.
func importOverridden(c *cli.Context, now func() time.Time, o *override.Override) error {
	needs := false
	err := withBooks(c, now, func(b *books.Books) (err error) {
		if needs, err = b.NeedsApproval(c.Context, nil); err != nil || needs {
			return err
		}
		if err := noApproval(c, "an override"); err != nil {
			return err
		}
		return importSource(c, b)
	})
	if err != nil || !needs {
		return err
	}
	return withRoom(c, now, func(r *room.Room) error {
		if err := r.ApproveOverride(c.Context, c.String("issuer"), "import", o); err != nil {
			return err
		}
		return importSource(c, books.Of(r))
	})
}

func importSource(c *cli.Context, b *books.Books) error {
	if c.String("never-issued") != "" {
		return declareNeverIssued(c, b)
	}
	if c.IsSet("no-past") {
		return declareNoPast(c, b)
	}
	src, done, err := openSource(c, b)
	if err != nil {
		return err
	}
	defer done()
	im := inventory.Import{Issuer: c.String("issuer"), Source: src, DryRun: c.Bool("dry-run"), Empty: c.Bool("empty")}
	if im.Override, err = readOverride(c); err != nil {
		return err
	}
	res, err := b.Import(c.Context, im)
	if err != nil {
		return err
	}
	if list, ok := src.(*source.Revocations); ok && !im.DryRun {
		if err := continueNumbers(c, b, list); err != nil {
			return err
		}
	}
	if res.Same {
		say(c, "the input is the last one again; nothing changed")
	} else {
		say(c, "read %d: %d added, %d revoked, %d released, %d unchanged, %d kept as recorded here",
			res.Read, res.Added, res.NewlyRevoked, res.Released, res.Unchanged, res.Kept)
	}
	if res.Skipped > 0 {
		say(c,
			"passed over %d files that file managers leave behind (.DS_Store, Thumbs.db and names that begin "+
				"with a dot)", res.Skipped)
	}
	return answer(c, res)
}

// continueNumbers makes the issuer's next lists go on above the number of the list that was taken over.
func continueNumbers(c *cli.Context, b *books.Books, list *source.Revocations) error {
	raised, err := b.ContinueNumbers(c.Context, c.String("issuer"), list.Number())
	if err != nil {
		return fmt.Errorf("the list is imported, but its number is not taken over: %w", err)
	}
	if raised {
		say(c, "lists of %s go on above number %s (0x%x)", c.String("issuer"), list.Number(), list.Number())
	}
	return nil
}

// readOverride reads the signed permission that --override names; nil without one.
func readOverride(c *cli.Context) (*override.Override, error) {
	file := c.String("override")
	if file == "" {
		return nil, nil
	}
	raw, err := readText(file, maxCSR)
	if err != nil {
		return nil, fmt.Errorf("reading the override: %w", err)
	}
	return override.Parse(raw)
}

// declareNeverIssued records the list that --never-issued names.
func declareNeverIssued(c *cli.Context, b *books.Books) error {
	if named := inputs(c); len(named) > 0 || c.String("override") != "" || c.Bool("empty") {
		return cliexit.UsageError("--never-issued stands alone with --issuer and --dry-run")
	}
	file := c.String("never-issued")
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("reading the list of serials: %w", err)
	}
	list, err := readText(file, maxSerials)
	if err != nil {
		return fmt.Errorf("reading the list of serials: %w", err)
	}
	res, err := b.DeclareNeverIssued(c.Context, books.NeverIssued{
		Issuer: c.String("issuer"), List: list, Seen: info.ModTime(), DryRun: c.Bool("dry-run"),
	})
	if err != nil {
		return err
	}
	say(c, "read %d: %d declared never issued, %d were before; run `signer run` to publish it", res.Read, res.Added,
		res.Present)
	return answer(c, res)
}

// declareNoPast records that there is nothing to take over.
func declareNoPast(c *cli.Context, b *books.Books) error {
	if named := inputs(c); len(named) > 0 || c.String("override") != "" || c.Bool("empty") || c.Bool("partial") {
		return cliexit.UsageError("--no-past stands alone with --issuer and --dry-run: it says that there is no input")
	}
	res, err := b.DeclareNoPast(c.Context, c.String("issuer"), c.String("no-past"), c.Bool("dry-run"))
	if err != nil {
		return err
	}
	word := "on record: "
	if c.Bool("dry-run") {
		word = "would record: "
	}
	say(c, "%s%s revoked nothing before it came here (%s)", word, c.String("issuer"), c.String("no-past"))
	return answer(c, res)
}

// inputs returns the inputs that the flags name.
func inputs(c *cli.Context) (named []string) {
	for _, name := range []string{"index", "csv", "jsonl", "certificates", "crl", "sql"} {
		if c.String(name) != "" {
			named = append(named, name)
		}
	}
	return named
}

// belongs says which inputs a flag goes with; any other combination is a mistake.
var belongs = map[string][]string{
	"ca": {"certificates", "crl"}, "query": {"sql"}, "ejbca": {"sql"}, "ejbca-ca": {"sql"},
	"partial": {"index", "csv", "jsonl", "sql"},
}

// openSource opens the one input that the flags name.
func openSource(c *cli.Context, b *books.Books) (inventory.Source, func(), error) {
	named := inputs(c)
	if len(named) != 1 {
		return nil, nil,
			cliexit.UsageError("name exactly one input: --index, --csv, --jsonl, --certificates, --crl, --sql, " +
				"--never-issued or --no-past")
	}
	for _, flag := range slices.Sorted(maps.Keys(belongs)) {
		if c.IsSet(flag) && !slices.Contains(belongs[flag], named[0]) {
			return nil, nil, cliexit.UsageError("--%s goes with --%s, not with --%s", flag,
				strings.Join(belongs[flag], " or --"), named[0])
		}
	}
	where := c.String(named[0])
	o := source.Options{Name: where, Partial: c.Bool("partial"), Irregular: b.Irregular,
		Misissued: b.Misissued(c.Context, c.String("issuer"))}
	ca := func() (*x509.Certificate, error) {
		return b.IssuerCertificate(c.Context, c.String("issuer"), c.String("ca"))
	}
	if named[0] == "sql" {
		o.Name = "database"
		if hasPassword(where) {
			return nil,
				nil,
				cliexit.UsageError("--sql holds a password, which every user of the machine can see in the list of " +
					"processes; " +
					"put it into a .pgpass or a service file, or into PGPASSWORD")
		}
		src, err := querySource(c, where, o)
		if err != nil {
			return nil, nil, err
		}
		return source.Signed(src, ca, o), func() {}, nil
	}
	info, err := os.Stat(where)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the input: %w", err)
	}
	o.AsOf = info.ModTime()
	if named[0] == "certificates" || named[0] == "crl" {
		src, err := signedSource(named[0], where, info.IsDir(), ca, o)
		return src, func() {}, err
	}
	f, err := regular.Open(where)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the input: %w", err)
	}
	open := map[string]func() inventory.Source{
		"index": func() inventory.Source { return source.OpenSSLIndex(f, o) },
		"csv":   func() inventory.Source { return source.CSV(f, o) },
		"jsonl": func() inventory.Source { return source.JSONL(f, o) },
	}
	return source.Signed(open[named[0]](), ca, o), func() { _ = f.Close() }, nil
}

// hasPassword reports whether a DSN says a password: in its address or as a parameter, and whether it is a URL or one
// of the other forms that drivers know ("password=… host=…", "user:password@tcp(host)/name").
func hasPassword(dsn string) bool {
	text := strings.ToLower(dsn)
	if plain, err := url.QueryUnescape(text); err == nil {
		text = plain
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return strings.Contains(dsn, "@") || strings.Contains(text, "password=") // what cannot be read is not believed
	}
	_, has := u.User.Password()
	return has || strings.Contains(text, "password=") || strings.Contains(text, "pwd=") ||
		strings.Contains(u.Opaque, "@")
}

// signedSource reads what the CA itself signed, checked against the certificate on record.
func signedSource(kind, where string, folder bool, ca func() (*x509.Certificate, error),
	o source.Options) (inventory.Source, error) {
	issuer, err := ca()
	if err != nil {
		return nil, err
	}
	switch {
	case kind == "certificates" && folder:
		return source.Folder(os.DirFS(where), issuer, o), nil
	case kind == "certificates":
		return source.File(os.DirFS(filepath.Dir(where)), filepath.Base(where), issuer, o), nil
	case folder:
		return nil, cliexit.UsageError("--crl %q is a folder: name one list", where)
	}
	raw, err := readLimited(where, maxCRL)
	if err != nil {
		return nil, fmt.Errorf("reading the CRL: %w", err)
	}
	der, err := unwrap.One(raw, "X509 CRL")
	if err != nil {
		return nil, fmt.Errorf("reading CRL %q: %w", where, err)
	}
	return source.CRL(der, issuer, o)
}

func querySource(c *cli.Context, dsn string, o source.Options) (inventory.Source, error) {
	if (c.String("query") == "") == (c.String("ejbca") == "") {
		return nil, cliexit.UsageError("--sql needs --query or --ejbca")
	}
	if dn := c.String("ejbca"); dn != "" {
		return source.SQL(source.EJBCA(dsn, source.EJBCAOptions{IssuerDN: dn, CAFingerprint: c.String("ejbca-ca")}),
			o), nil
	}
	raw, err := readText(c.String("query"), maxCSR)
	if err != nil {
		return nil, fmt.Errorf("reading the query: %w", err)
	}
	return source.SQL(source.Query{DSN: dsn, SQL: strings.TrimSpace(string(raw))}, o), nil
}
