package verify

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"seihon/ledger"
	"seihon/verify/report"
)

// A Commitment is what the inventory knows of the commitment that the log made to a certificate before it was signed:
// SHA-256 over a salt and the TBSCertificate, as one leaf of an `issuance` entry.
type Commitment struct {
	Salt        []byte // 32 octets
	Entry, Leaf int64  // of the log, and within the entry
	Certificate []byte // DER
}

// An issuance is one such entry, while its leaves are being opened.
type issuance struct {
	*ledger.Issuance
	index  int64
	time   time.Time
	leaves []tlog.Hash // zero: not opened yet
	opened int64
}

// A commitmentBook opens the commitments of the log with an inventory.
type commitmentBook struct {
	report  func(report.Finding)
	entries map[int64]*issuance
	first   map[string]time.Time // by issuer: when commitments began
	covered map[string]bool      // issuers of which the inventory has certificates
	given   map[string]bool      // issuers of which it has what opens commitments
	whole   map[string]bool      // issuers whose own certificate was committed to: all that they issued must be
	own     map[string]string    // by certificate: the issuer whose own it is
	missing []unannounced        // certificates without a commitment, in the order of the inventory
	kept    map[string]int       // of them, by issuer and before
	opened  int64
}

// An unannounced certificate has no commitment.
type unannounced struct {
	report.Finding
	issuer string
	before bool // its dates say that it was issued before the log began to have commitments
}

// maxLeaves bounds the memory that an entry can ask for before a certificate was seen.
const maxLeaves = 1 << 24

// openCommitments reads the issuance entries of the log and holds their running totals against their counts.
func (c *checker) openCommitments(ctx context.Context) (*commitmentBook, error) {
	b := &commitmentBook{report: c.Found, entries: map[int64]*issuance{}, first: map[string]time.Time{},
		covered: map[string]bool{}, given: map[string]bool{},
		whole: map[string]bool{}, own: map[string]string{}, kept: map[string]int{}}
	totals := map[string]int64{}
	index := int64(-1)
	for e, err := range c.log.Entries(ctx, 0, c.log.Size()) {
		if err != nil {
			return b, ctx.Err() // the log's own findings say why
		}
		index++
		if e.Issuance == nil {
			continue
		}
		i := e.Issuance
		if totals[i.Issuer] += i.Count; totals[i.Issuer] != i.Total {
			b.bad("commitment-total", index, i.Issuer, "the counts of its entries are %d together, this one says %d",
				totals[i.Issuer], i.Total)
			totals[i.Issuer] = i.Total
		}
		if _, ok := b.first[i.Issuer]; !ok {
			b.first[i.Issuer] = e.Time
			if own := c.issuerNamed(i.Issuer); own != nil {
				b.own[string(own.Raw)] = i.Issuer
			}
		}
		b.entries[index] = &issuance{Issuance: i, index: index, time: e.Time}
	}
	return b, nil
}

func (b *commitmentBook) bad(code string, index int64, issuer, format string, args ...any) {
	b.report(report.Finding{Code: code, Source: report.SourceLog,
		Name: fmt.Sprintf("issuance entry %d of %s", index, issuer), Detail: fmt.Sprintf(format, args...)})
}

// line opens the commitment to one certificate of the inventory.
func (b *commitmentBook) line(l InventoryLine) {
	b.covered[l.Issuer] = true
	began, has := b.first[l.Issuer]
	if !has {
		return
	}
	bad := func(code, format string, args ...any) {
		b.report(report.Finding{Code: code, Source: report.SourceInventory,
			Name: fmt.Sprintf("%s serial %x", l.Issuer, l.Serial), Detail: fmt.Sprintf(format, args...)})
	}
	if l.Commitment == nil {
		b.unannounced(l, began)
		return
	}
	b.given[l.Issuer] = true
	e := b.entries[l.Commitment.Entry]
	if e == nil || e.Issuer != l.Issuer {
		bad("commitment-missing", "log entry %d is no issuance entry of this issuer", l.Commitment.Entry)
		return
	}
	leaf, err := l.leaf()
	if err != nil {
		bad("commitment-salt", "%v", err)
		return
	}
	if !e.put(l.Commitment.Leaf, leaf) {
		bad("commitment-twice", "leaf %d of log entry %d, which has %d, is taken or is not there", l.Commitment.Leaf,
			e.index, e.Count)
		return
	}
	b.opened++
	if name, ok := b.own[string(l.Commitment.Certificate)]; ok {
		b.whole[name] = true
	}
}

// unannounced keeps a certificate without a commitment until all were seen. Its dates, which whoever signs chooses, and
// that the inventory calls it imported, which whoever has the inventory chooses, excuse it only when its issuer may be
// older than the commitments: a key that was made under this log has signed nothing elsewhere.
func (b *commitmentBook) unannounced(l InventoryLine, began time.Time) {
	before := l.NotBefore.Before(began) && (l.Imported || !l.NotBefore.IsZero()) // an imported list tells no dates
	if which := fmt.Sprint(before, l.Issuer); b.kept[which] < report.PerCode {   // more need not be told
		b.kept[which]++
	} else {
		return
	}
	detail := "it was issued here, and the inventory names no commitment to it; they began at " + report.Stamp(began)
	if l.Imported {
		detail = "the inventory calls it imported, and no commitment explains it; they began at " + report.Stamp(began)
	}
	b.missing = append(b.missing, unannounced{issuer: l.Issuer, before: before, Finding: report.Finding{
		Code: "commitment-missing", Source: report.SourceInventory,
		Name: fmt.Sprintf("%s serial %x", l.Issuer, l.Serial), Detail: detail,
	}})
}

// leaf computes the hash of the leaf in the entry's tree.
func (l *InventoryLine) leaf() (tlog.Hash, error) {
	c := l.Commitment
	if len(c.Salt) != sha256.Size {
		return tlog.Hash{}, fmt.Errorf("the salt has %d octets, not %d", len(c.Salt), sha256.Size)
	}
	cert, err := x509.ParseCertificate(c.Certificate)
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("its certificate cannot be read: %w", err)
	}
	serial, err := asn1.Marshal(cert.SerialNumber)
	if err != nil || len(serial) < 2 || string(serial[2:]) != string(l.Serial) {
		return tlog.Hash{}, errors.New("its certificate has another serial number")
	}
	h := sha256.New()
	h.Write(c.Salt)
	h.Write(cert.RawTBSCertificate)
	return tlog.RecordHash(h.Sum(nil)), nil
}

// put keeps a leaf; false when it is there already, or cannot be.
func (e *issuance) put(i int64, leaf tlog.Hash) bool {
	if i < 0 || i >= e.Count || e.Count > maxLeaves {
		return false
	}
	if e.leaves == nil {
		e.leaves = make([]tlog.Hash, e.Count)
	}
	if e.leaves[i] != (tlog.Hash{}) {
		return false
	}
	e.leaves[i] = leaf
	e.opened++
	return true
}

// close wants every commitment of the covered issuers opened by exactly one certificate, and their tree to be the one
// that was signed. empty says that the inventory may lack an issuer altogether.
func (b *commitmentBook) close(empty bool) {
	for _, u := range b.missing {
		if b.given[u.issuer] && (!u.before || b.whole[u.issuer]) {
			b.report(u.Finding)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.first)) {
		if !b.given[name] && (empty || b.covered[name]) { // without any line the issuer is absent, which is said
			b.report(report.Finding{Code: "commitment-not-given", Source: report.SourceInventory, Name: name})
		}
	}
	for _, index := range sortedKeys(b.entries) {
		e := b.entries[index]
		if !b.given[e.Issuer] {
			continue
		}
		if e.opened < e.Count {
			b.bad("commitment-unopened", index, e.Issuer, "of %d commitments, %d have no certificate in the inventory",
				e.Count, e.Count-e.opened)
			continue
		}
		if root := treeOf(e.leaves); root != e.Root {
			b.bad("commitment-root", index, e.Issuer,
				"salts and certificates of the inventory make the root %s, the log has %s", root, e.Root)
		}
	}
}

// treeOf computes the root of the tree over leaf hashes (RFC 6962 section 2.1), from the definition.
func treeOf(leaves []tlog.Hash) tlog.Hash {
	switch len(leaves) {
	case 0:
		return tlog.Hash(sha256.Sum256(nil))
	case 1:
		return leaves[0]
	}
	split := 1
	for split*2 < len(leaves) {
		split *= 2
	}
	return tlog.NodeHash(treeOf(leaves[:split]), treeOf(leaves[split:]))
}

func sortedKeys(m map[int64]*issuance) []int64 {
	keys := make([]int64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// checkUnexplained reports list entries of certificates that the inventory does not know, for the issuers that it
// covers.
func (c *checker) checkUnexplained(covered map[string]bool) {
	for name := range covered {
		issuer := c.issuerNamed(name)
		if issuer == nil {
			continue
		}
		r := c.status.revoked[issuerKey(issuer)]
		if r == nil {
			continue
		}
		if n, first := r.unexplained(); n > 0 {
			c.Found(report.Finding{
				Code: "inventory-unknown", Source: report.SourceInventory, Name: name,
				Detail: fmt.Sprintf("%d entries of %s, the first with serial number %x", n, strings.Join(r.names, ", "),
					first),
			})
		}
	}
}
