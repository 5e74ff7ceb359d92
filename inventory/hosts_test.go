//go:build integration

package inventory_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/inventory/inventorytest"
	"seihon/inventory/inventorytest/postgrestest"
)

// The environment by which the test binary becomes a signing host.
const (
	envRole = "INVENTORY_TEST_ROLE" // "host", "numbers" or "import"
	envDSN  = "INVENTORY_TEST_DSN"
	envName = "INVENTORY_TEST_NAME"
	envHang = "INVENTORY_TEST_HANG" // hang before finishing this many-th shard
)

func TestMain(m *testing.M) {
	role := map[string]func(context.Context, *inventory.DB) error{"host": signShards, "numbers": takeNumbers,
		"import": importMany}[os.Getenv(envRole)]
	if role == nil {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	db, err := inventory.Open(ctx, inventory.Config{DSN: os.Getenv(envDSN)})
	if err == nil {
		err = role(ctx, db)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const (
	hostShards = 1000
	hostLease  = 5 * time.Second
)

// signShards is a signing host: it claims shards until nothing is due.
func signShards(ctx context.Context, db *inventory.DB) error {
	name := os.Getenv(envName)
	var hang, done int
	fmt.Sscan(os.Getenv(envHang), &hang) // absent: never
	fmt.Println("ready")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil { // the word to go
		return err
	}
	for {
		now := time.Now()
		claims, err := db.Claim(ctx,
			inventory.ClaimRequest{Host: name, Issuer: inventorytest.Issuer, Max: 7, Lease: hostLease, Cutoff: now})
		if err != nil {
			return err
		}
		if len(claims) == 0 {
			left, err := db.DueShards(ctx, inventorytest.Issuer, now)
			if err != nil || len(left) == 0 {
				return err
			}
			time.Sleep(100 * time.Millisecond) // another host holds the rest
			continue
		}
		for _, c := range claims {
			var signed []inventory.Signed
			for s, err := range db.Due(ctx, inventorytest.Issuer, c.Shard, now) {
				if err != nil {
					return err
				}
				signed = append(signed,
					inventory.Signed{Serial: s.Serial, Revision: s.Revision, ThisUpdate: now,
						NextUpdate: now.Add(96 * time.Hour)})
			}
			fmt.Printf("signed %d\n", c.Shard)
			if done++; done == hang {
				fmt.Println("hanging")
				select {}
			}
			record := inventory.ArtifactRecord{Issuer: inventorytest.Issuer, Kind: artifact.OCSPBundle,
				Name: fmt.Sprint(c.Shard), Scope: name}
			if err := db.Finish(ctx, c, signed, []inventory.ArtifactRecord{record}); err != nil {
				return err
			}
		}
	}
}

// start starts the test binary in a role and returns the lines that it prints.
func start(t *testing.T, stdin *os.File, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	if stdin != nil {
		cmd.Stdin = stdin
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestTwoHosts(t *testing.T) {
	server := postgrestest.Start(t)
	t.Run("both live", func(t *testing.T) { testHosts(t, server.DSN(t), 0) })
	t.Run("one is killed", func(t *testing.T) { testHosts(t, server.DSN(t), 10) })
}

// testHosts lets two processes share 1,000 shards. With hang, the first is
// killed when it has signed that many and finished one less.
func testHosts(t *testing.T, dsn string, hang int) {
	ctx := t.Context()
	b := &inventorytest.Bench{Clock: &inventorytest.Clock{T: time.Now()}, DSN: dsn}
	b.DB = b.Open(t)
	b.AddIssuer(t, inventorytest.Issuer, hostShards)
	b.Issue(t, inventorytest.Issuer, time.Now().AddDate(1, 0, 0), numbers(20000)...)
	if shards, err := b.DueShards(ctx, inventorytest.Issuer, time.Now()); err != nil || len(shards) != hostShards {
		t.Fatalf("%d shards are due, %v", len(shards), err)
	}

	word, say, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer word.Close()
	defer say.Close()
	first, firstOut := start(t, word, envRole+"=host", envDSN+"="+dsn, envName+"=first", envHang+"="+fmt.Sprint(hang))
	second, secondOut := start(t, word, envRole+"=host", envDSN+"="+dsn, envName+"=second")
	for _, host := range []*bufio.Scanner{firstOut, secondOut} {
		if !host.Scan() || host.Text() != "ready" {
			t.Fatalf("a host said %q", host.Text())
		}
	}
	if _, err := say.WriteString("gg"); err != nil { // each host reads one octet
		t.Fatal(err)
	}
	signed := map[string]int{}
	for firstOut.Scan() {
		if firstOut.Text() == "hanging" {
			if err := first.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			break
		}
		signed[firstOut.Text()]++
	}
	for secondOut.Scan() {
		signed[secondOut.Text()]++
	}
	if err := first.Wait(); (err != nil) != (hang > 0) {
		t.Errorf("the first host ended with %v", err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("the second host ended with %v", err)
	}

	shards, by := map[string]int{}, map[string]int{}
	for r, err := range b.Artifacts(ctx, inventorytest.Issuer, artifact.OCSPBundle) {
		if err != nil {
			t.Fatal(err)
		}
		shards[r.Name]++
		by[r.Scope]++
	}
	for name, n := range shards {
		if n != 1 {
			t.Errorf("shard %s was finished %d times", name, n)
		}
	}
	if len(shards) != hostShards || by["first"] == 0 || by["second"] == 0 {
		t.Errorf("%d of %d shards were finished, by host: %v", len(shards), hostShards, by)
	}
	twice := 0
	for _, n := range signed {
		twice += n - 1
	}
	// The shard that the dead host had signed and not finished is signed again.
	if want := min(hang, 1); twice != want {
		t.Errorf("%d shards were signed twice, want %d", twice, want)
	}
	if left, err := b.DueShards(ctx, inventorytest.Issuer, time.Now()); err != nil || len(left) != 0 {
		t.Errorf("%d shards are still due, %v", len(left), err)
	}
	t.Logf("finished by host: %v", by)
}

func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// takeNumbers takes CRL numbers and serials and says so until it is killed.
func takeNumbers(ctx context.Context, db *inventory.DB) error {
	for {
		n, err := db.NextCRLNumber(ctx, inventorytest.Issuer, "full")
		if err != nil {
			return err
		}
		serial, err := inventory.NewSerial(rand.Reader)
		if err != nil {
			return err
		}
		if err := db.Reserve(ctx, inventorytest.Issuer, serial); err != nil {
			return err
		}
		fmt.Printf("%s %x\n", n, serial)
	}
}

// TestKilled kills a process that takes numbers, a hundred times, at any
// moment: no number may come twice and no reserved serial may be forgotten.
func TestKilled(t *testing.T) {
	server := postgrestest.Start(t)
	for name, dsn := range map[string]string{
		"SQLite":     "sqlite:" + filepath.Join(t.TempDir(), "inventory.db"),
		"PostgreSQL": server.DSN(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &inventorytest.Bench{Clock: &inventorytest.Clock{T: time.Now()}, DSN: dsn}
			b.DB = b.Open(t)
			b.AddIssuer(t, inventorytest.Issuer, 4)
			numbers, serials := map[string]bool{}, 0
			for round := range 100 {
				cmd, out := start(t, nil, envRole+"=numbers", envDSN+"="+dsn)
				kill := func() {
					time.AfterFunc(time.Duration(mathrand.IntN(50*1000))*time.Microsecond,
						func() { cmd.Process.Kill() })
				}
				if round%10 == 0 { // perhaps while it opens
					kill()
				}
				for first := true; out.Scan(); first = false {
					if first && round%10 != 0 {
						kill()
					}
					number, text, complete := strings.Cut(out.Text(), " ")
					serial, err := hex.DecodeString(text)
					if !complete || err != nil || len(serial) != 16 {
						continue // the last line of a killed process
					}
					if numbers[number] {
						t.Fatalf("CRL number %s was handed out twice", number)
					}
					numbers[number] = true
					if _, err := b.Get(t.Context(), inventorytest.Issuer, serial); err != nil {
						t.Fatalf("serial %x is forgotten: %v", serial, err)
					}
					serials++
				}
				cmd.Wait() // killed
			}
			if serials < 100 {
				t.Errorf("only %d serials in a hundred rounds: the processes hardly ran", serials)
			}
			t.Logf("%d numbers", len(numbers))
		})
	}
}

// many is the size of the import that is killed.
const many = 20000

// importMany imports, in its own name, a list that takes a while.
func importMany(ctx context.Context, db *inventory.DB) error {
	var list inventorytest.List
	for n := range many {
		list.List = append(list.List, inventorytest.Valid(n, time.Now().AddDate(1, 0, 0)))
	}
	fmt.Println("importing")
	_, err := db.Import(ctx, inventory.Import{Issuer: os.Getenv(envName), Source: &list})
	return err
}

// TestImportKilled kills imports: each has happened or not.
func TestImportKilled(t *testing.T) {
	server := postgrestest.Start(t)
	for name, dsn := range map[string]string{
		"SQLite":     "sqlite:" + filepath.Join(t.TempDir(), "inventory.db"),
		"PostgreSQL": server.DSN(t),
	} {
		t.Run(name, func(t *testing.T) {
			b := &inventorytest.Bench{Clock: &inventorytest.Clock{T: time.Now()}, DSN: dsn}
			b.DB = b.Open(t)
			outcome := map[int64]int{}
			for round := range 12 {
				issuer := fmt.Sprint("issuer", round)
				b.AddIssuer(t, issuer, 16)
				cmd, out := start(t, nil, envRole+"=import", envDSN+"="+dsn, envName+"="+issuer)
				for out.Scan() && out.Text() != "importing" {
				}
				time.Sleep(time.Duration(mathrand.IntN(600)) * time.Millisecond)
				cmd.Process.Kill()
				cmd.Wait() // killed, or done
				n, err := b.Counts(t.Context(), issuer)
				if err != nil {
					t.Fatal(err)
				}
				outcome[n.Issued]++
			}
			delete(outcome, many)
			delete(outcome, 0)
			if len(outcome) > 0 {
				t.Errorf("imports were left half done: %v", outcome)
			}
		})
	}
}
