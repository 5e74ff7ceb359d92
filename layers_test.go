// Package seihon holds no code: its test is the plan of the house.
package seihon

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room is one row of the plan: what a folder may import from this module and
// which outside modules it may use beside the standard library.
type room struct {
	imports []string // folders of this module; a trailing /... takes in the folders below
	modules []string // prefixes of outside import paths
}

// Outside code that many rooms may use.
const (
	xcrypto = "golang.org/x/crypto"
	xmod    = "golang.org/x/mod/sumdb"
	xsync   = "golang.org/x/sync"
	xsys    = "golang.org/x/sys"
	xtime   = "golang.org/x/time"
	zap     = "go.uber.org/zap"
	cli     = "github.com/urfave/cli/v2"
	yaml    = "go.yaml.in/yaml/v3"
	flock   = "github.com/gofrs/flock"
	zstd    = "github.com/klauspost/compress/zstd"
	sqlite  = "modernc.org/sqlite"
	otel    = "go.opentelemetry.io/otel"
	spans   = "go.opentelemetry.io/otel/trace" // the API alone: spans below the one that a context carries
	about   = "go.opentelemetry.io/otel/attribute"
	codes   = "go.opentelemetry.io/otel/codes"
)

// The way through the house: inventory → sign → ledger → section A → publish → verify.
// A folder without a row fails the test, and so does an import that its row does not name.
var plan = map[string]room{
	"artifact/signature": {modules: []string{xcrypto, "filippo.io/"}},
	"artifact/sshsig":    {modules: []string{xcrypto}},
	"artifact/pdf":       {},
	"artifact/keyscan": {imports: []string{"artifact/pdf"},
		modules: []string{zstd, "github.com/ulikunitz/xz"}},
	"artifact": {imports: []string{"artifact/signature", "artifact/keyscan"},
		modules: []string{xcrypto, "golang.org/x/text/unicode/norm"}},
	"public":       {imports: []string{"artifact"}},
	"artifact/cms": {imports: []string{"artifact"}, modules: []string{xcrypto}},
	"sectiona":     {imports: []string{"artifact/..."}},
	"ledger": {imports: []string{"artifact/...", "public", "internal/durable",
		"internal/regular"}, modules: []string{xcrypto, xmod, xsync, xsys, zstd, sqlite, flock, zap}},
	"ledger/timestamp": {imports: []string{"artifact/...", "ledger", "internal/redirect",
		"internal/regular"}, modules: []string{xcrypto, xmod}},
	"ledger/timestamp/timestamptest": {},
	"ledger/witness": {imports: []string{"ledger", "internal/redirect"},
		modules: []string{xcrypto, xmod}},
	"evidence": {imports: []string{"artifact", "public", "ledger", "ledger/timestamp",
		"ocspcache"}},
	"ocspcache": {imports: []string{"artifact/...", "public", "internal/durable",
		"internal/redirect", "internal/regular"},
		modules: []string{xcrypto, xsys, xsync, xtime, zap, "github.com/prometheus/client_golang"}},

	"publish": {imports: []string{"artifact/...", "publish/record", "public", "override", "sectiona",
		"ledger", "ocspcache", "internal/durable", "internal/regular"},
		modules: []string{zap, xsync, xtime, flock, spans, about, codes}},
	"publish/adopt": {imports: []string{"artifact", "public", "publish", "ledger", "ocspcache"},
		modules: []string{xsync}},
	"publish/record": {imports: []string{"artifact", "public", "override", "ledger", "ocspcache",
		"internal/durable", "internal/regular"}, modules: []string{xmod}},
	"publish/dirstore": {imports: []string{"artifact", "publish", "internal/durable", "internal/regular"},
		modules: []string{flock}},
	"publish/s3store": {imports: []string{"artifact", "publish", "publish/credentials"},
		modules: []string{"github.com/aws/"}},
	"publish/gcsstore": {imports: []string{"artifact", "publish", "publish/credentials"},
		modules: []string{"cloud.google.com/go/storage", "google.golang.org/api"}},
	"publish/azurestore": {imports: []string{"artifact", "publish", "publish/credentials"},
		modules: []string{"github.com/Azure/azure-sdk-for-go/sdk/azcore",
			"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"}},
	"publish/credentials": {imports: []string{"publish", "internal/secret"},
		modules: []string{"github.com/aws/", "google.golang.org/api", "github.com/Azure/azure-sdk-for-go/sdk/azcore",
			"github.com/Azure/azure-sdk-for-go/sdk/azidentity"}},
	"publish/purge": {imports: []string{"artifact", "public", "ledger", "publish/credentials",
		"internal/redirect", "internal/secret"}, modules: []string{"github.com/aws/", zap, xsync}},
	"publish/storetest":         {imports: []string{"artifact", "public", "publish"}},
	"publish/storetest/servers": {imports: []string{"artifact", "publish"}},
	"verify/japanese":           {},
	"verify/memory":             {imports: []string{"artifact", "ocspcache"}, modules: []string{xcrypto, xsync}},
	"verify/headers":            {},
	"verify/report": {imports: []string{"artifact", "ledger", "sectiona", "verify/japanese",
		"verify/memory", "verify/observe", "verify/responder"}},
	"verify/uptime": {imports: []string{"artifact", "ledger", "public", "verify/report",
		"internal/regular"}, modules: []string{xmod}},
	"verify/probe": {imports: []string{"artifact", "ledger", "public", "internal/redirect",
		"verify/exchange", "verify/report", "verify/responder", "verify/headers"}, modules: []string{xsync}},
	"verify/status": {imports: []string{"artifact", "ledger", "internal/shelflife", "public",
		"verify/report"}},
	"verify/dashboard": {imports: []string{"artifact", "internal/shelflife", "verify/report", "verify/status",
		"verify/japanese"}, modules: []string{zap}},
	"verify/exchange": {imports: []string{"artifact", "internal/redirect"}, modules: []string{xcrypto}},
	"verify/observe": {imports: []string{"artifact/...", "public", "sectiona", "verify/exchange",
		"verify/headers", "verify/memory", "internal/durable", "internal/redirect", "internal/regular"},
		modules: []string{flock, xsync}},
	"verify/responder": {imports: []string{"artifact", "public", "ledger", "ocspcache", "verify/exchange"},
		modules: []string{xcrypto}},
	"verify": {imports: []string{"artifact/...", "public", "approval", "sectiona", "ledger/...",
		"ocspcache", "verify/...", "internal/redirect", "internal/regular"},
		modules: []string{zap, xsync, xmod, xcrypto, spans, codes}},

	"override": {imports: []string{"artifact"}},
	"approval": {imports: []string{"artifact", "artifact/sshsig"},
		modules: []string{xcrypto, xmod}},
	"inventory/source": {imports: []string{"artifact", "inventory", "internal/unwrap"},
		modules: []string{xcrypto, sqlite, "github.com/jackc/pgx/v5"}},
	"inventory": {imports: []string{"artifact", "override", "internal/regular"},
		modules: []string{sqlite, "github.com/jackc/pgx/v5", zap, xcrypto, xsys}},
	"inventory/inventorytest":              {imports: []string{"artifact", "override", "inventory/..."}},
	"inventory/inventorytest/postgrestest": {modules: []string{"github.com/jackc/pgx/v5"}},
	"hsmsign":                              {},
	"hsmsign/room": {imports: []string{"artifact/...", "public", "sectiona", "ledger/...",
		"ocspcache", "inventory", "override", "approval", "hsmsign/cert", "hsmsign/crl", "hsmsign/document",
		"hsmsign/memory", "hsmsign/ocsp", "hsmsign/token", "internal/certprofile", "internal/config",
		"internal/durable", "internal/regular"}, modules: []string{zap, xcrypto, xmod, xsync}},
	"hsmsign/ceremony": {imports: []string{"artifact", "public", "approval", "inventory", "ledger",
		"ocspcache", "hsmsign/cert", "hsmsign/room", "hsmsign/token", "internal/config", "internal/durable"},
		modules: []string{xmod}},
	"hsmsign/accept": {imports: []string{"artifact", "public", "approval", "override", "sectiona",
		"inventory", "ledger", "ocspcache", "hsmsign/ceremony", "hsmsign/crl", "hsmsign/memory", "hsmsign/ocsp",
		"hsmsign/room", "internal/config", "internal/incoming", "internal/regular", "internal/unpack",
		"internal/unwrap"}, modules: []string{xsync}},
	"hsmsign/schedule": {imports: []string{"artifact", "public", "approval", "override",
		"inventory", "ledger", "ocspcache", "hsmsign/accept", "hsmsign/crl", "hsmsign/memory", "hsmsign/ocsp",
		"hsmsign/room", "internal/config"}},
	"hsmsign/books": {imports: []string{"artifact", "public", "approval", "override", "sectiona",
		"inventory", "ledger", "hsmsign/crl", "hsmsign/room", "internal/config", "internal/durable",
		"internal/incoming", "internal/regular", "internal/shelflife"}, modules: []string{zap}},
	"hsmsign/token": {imports: []string{"artifact/signature", "artifact/sshsig",
		"internal/secret", "internal/regular"},
		modules: []string{"github.com/miekg/pkcs11", zap, xcrypto, xsys, "golang.org/x/term", yaml}},
	"hsmsign/risk":            {modules: []string{yaml}},
	"hsmsign/token/tokentest": {imports: []string{"hsmsign/token"}},
	"hsmsign/ocsp": {imports: []string{"artifact", "hsmsign/internal/..."},
		modules: []string{xcrypto, xsync}},
	"hsmsign/memory": {imports: []string{"artifact", "override", "hsmsign/crl"}},
	"hsmsign/crl": {imports: []string{"artifact", "hsmsign/internal/..."},
		modules: []string{xcrypto}},
	"hsmsign/cert": {imports: []string{"artifact/...", "internal/certprofile",
		"internal/unwrap", "hsmsign/internal/..."}, modules: []string{xcrypto, "github.com/zmap/"}},
	"hsmsign/document": {imports: []string{"artifact/...", "public", "hsmsign/document/pdf",
		"hsmsign/internal/...", "internal/redirect"}, modules: []string{xcrypto}},
	"hsmsign/document/pdf":    {},
	"hsmsign/internal/algid":  {imports: []string{"hsmsign/internal/der"}, modules: []string{xcrypto}},
	"hsmsign/internal/der":    {modules: []string{xcrypto}},
	"hsmsign/internal/testca": {imports: []string{"hsmsign/..."}, modules: []string{xcrypto}},

	"internal/certprofile": {modules: []string{yaml}},
	"internal/config": {imports: []string{"approval", "artifact", "public", "internal/certprofile",
		"internal/regular"}, modules: []string{yaml}},
	"internal/cliexit": {imports: []string{"internal/proxy", "internal/shelflife"},
		modules: []string{cli, zap, "golang.org/x/term"}},
	"internal/incoming":     {imports: []string{"internal/durable", "internal/regular"}, modules: []string{xsys}},
	"internal/proxy":        {},
	"internal/redirect":     {},
	"internal/sdnotify":     {},
	"internal/shelflife":    {},
	"internal/unwrap":       {},
	"internal/unpack":       {},
	"internal/inputtest":    {modules: []string{xcrypto}}, // for tests only
	"internal/syscallfault": {modules: []string{xsys}},    // for tests only
	"internal/secret":       {imports: []string{"internal/regular"}},
	"internal/regular":      {},
	"internal/reportsig":    {imports: []string{"internal/secret"}, modules: []string{xcrypto}},
	"internal/telemetry": {imports: []string{"internal/redirect", "internal/secret"},
		modules: []string{otel, "go.opentelemetry.io/contrib/bridges/", "github.com/prometheus/",
			"golang.org/x/net/http/httpguts", zap}},
	"internal/durable":    {imports: []string{"internal/regular"}, modules: []string{xsys}},
	"internal/jsonschema": {modules: []string{cli}},

	"cmd/publisher": {imports: []string{"artifact/...", "public", "override", "sectiona", "ledger/...", "ocspcache",
		"evidence", "publish/...", "verify", "verify/dashboard", "verify/observe", "verify/probe", "verify/report",
		"verify/status", "verify/uptime", "internal/..."},
		modules: []string{cli, zap, yaml, xmod, "github.com/prometheus/client_golang", "golang.org/x/term", flock,
			spans, about, codes}},
	"cmd/signer": {imports: []string{"artifact/...", "public", "override", "approval", "sectiona", "ledger",
		"inventory/...", "hsmsign/...", "internal/..."}, modules: []string{cli, zap, yaml, "golang.org/x/term"}},
}

// notRooms are folders whose Go files are no part of the two binaries.
var notRooms = []string{"bench", "terraform", "deploy", "docs", "scripts"}

func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := len(path) > 1 && strings.HasPrefix(d.Name(), ".")
			if hidden || d.Name() == "testdata" || slices.Contains(notRooms, path) {
				return fs.SkipDir
			}
			return nil
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || folder == "." {
			return nil
		}
		row, ok := plan[folder]
		if !ok {
			t.Errorf("%s: the folder has no row in the plan of layers_test.go", folder)
			return fs.SkipDir
		}
		seen[folder] = true
		checkImports(t, path, folder, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder := range plan {
		if !seen[folder] {
			t.Errorf("%s: the plan has a row for a folder without code; delete the row", folder)
		}
	}
}

func checkImports(t *testing.T, path, folder string, row room) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Errorf("parsing %s: %v", path, err)
		return
	}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if inside, ok := strings.CutPrefix(imported, "seihon/"); ok {
			if inside != folder && !allows(row.imports, inside) {
				t.Errorf("%s imports %s: the plan does not let %s see it", path, inside, folder)
			}
			continue
		}
		first, _, _ := strings.Cut(imported, "/")
		outside := strings.Contains(first, ".")
		if outside && !slices.ContainsFunc(row.modules, func(m string) bool { return strings.HasPrefix(imported, m) }) {
			t.Errorf("%s imports %s: the plan does not give %s that module", path, imported, folder)
		}
	}
}

func allows(rows []string, folder string) bool {
	return slices.ContainsFunc(rows, func(r string) bool {
		base, below := strings.CutSuffix(r, "/...")
		return folder == base || (below && strings.HasPrefix(folder, base+"/"))
	})
}

// TestPublisherNeverLinksTheRoom looks at what the linker would really take in: the
// whole dependency tree of the keyless binary, not only the imports written in this module.
func TestPublisherNeverLinksTheRoom(t *testing.T) {
	forbidden := []string{"seihon/hsmsign", "seihon/inventory", "github.com/miekg/pkcs11", "github.com/jackc/pgx"}
	for _, dep := range dependencies(t, "./cmd/publisher") {
		for _, bad := range forbidden {
			if strings.HasPrefix(dep, bad) {
				t.Errorf("cmd/publisher links %s: no signing code belongs into the keyless zone (report 3-4 (2) A)",
					dep)
			}
		}
	}
	if !slices.Contains(dependencies(t, "./cmd/signer"), "github.com/miekg/pkcs11") {
		t.Error("cmd/signer does not link PKCS #11: the search above would prove nothing")
	}
}

// TestOnlyTheAuditorSignsReports pins the one file that may reach the auditor's key: no command that publishes, serves
// or records may sign anything with it.
func TestOnlyTheAuditorSignsReports(t *testing.T) {
	var users []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && len(path) > 1 && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			if spec.Path.Value == `"seihon/internal/reportsig"` {
				users = append(users, filepath.ToSlash(path))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"cmd/publisher/verify_report.go"}; !slices.Equal(users, want) {
		t.Errorf("the auditor's key is used by %v, must be by %v alone", users, want)
	}
}

// TestSignerHasNoWayToTheCloud keeps cloud clients out of the guarded room.
func TestSignerHasNoWayToTheCloud(t *testing.T) {
	for _, dep := range dependencies(t, "./cmd/signer") {
		for _, bad := range []string{"seihon/publish", "github.com/aws/", "cloud.google.com/"} {
			if strings.HasPrefix(dep, bad) {
				t.Errorf("cmd/signer links %s: the signing room holds no way to the cloud", dep)
			}
		}
	}
}

// TestVerifyLinksNoCloud keeps the auditor's tool free of the operator's cloud.
func TestVerifyLinksNoCloud(t *testing.T) {
	for _, dep := range dependencies(t, "./verify") {
		for _, bad := range []string{"seihon/publish", "github.com/aws/", "cloud.google.com/", "google.golang.org/api",
			"google.golang.org/grpc"} {
			if strings.HasPrefix(dep, bad) {
				t.Errorf("verify links %s: the checker must not share the writer's mistakes", dep)
			}
		}
	}
}

func dependencies(t *testing.T, folder string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", folder).Output()
	if err != nil {
		t.Fatalf("listing what %s links: %v", folder, err)
	}
	return strings.Fields(string(out))
}
