package verify

import (
	"fmt"
	"maps"
	"slices"

	"seihon/verify/report"
)

// checkAbsent wants the inventory to have a line of every issuer that signed something about certificates: an inventory
// that says nothing contradicts nothing, and that is no agreement.
func (c *checker) checkAbsent(b *commitmentBook) {
	if c.InventoryEmpty {
		return
	}
	said := map[string]string{} // issuer → what there is of it
	for name := range b.first {
		said[name] = "the log has commitments of this issuer"
	}
	for name, book := range c.status.shards {
		if n := c.answersOf(name, book); n > 0 {
			said[name] = fmt.Sprintf("there are %d responses of this issuer", n)
		}
	}
	known := map[string]bool{} // keys of issuers that are judged by name
	for _, name := range slices.Concat(slices.Collect(maps.Keys(said)), slices.Collect(maps.Keys(b.covered))) {
		if own := c.issuerNamed(name); own != nil {
			known[issuerKey(own)] = true
		}
	}
	for key, r := range c.status.revoked {
		if n, _ := r.unexplained(); n > 0 && !known[key] {
			said[r.names[0]] = fmt.Sprintf("this list has %d entries", n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if !b.covered[name] {
			c.Found(report.Finding{Code: "inventory-absent", Source: report.SourceInventory, Name: name,
				Detail: said[name]})
		}
	}
}

// answersOf counts the responses of an issuer's current generation about certificates that exist.
func (c *checker) answersOf(name string, book *answerBook) int {
	n := 0
	for _, bundle := range book.generation.Bundles {
		n += int(bundle.Count)
	}
	if own := c.issuerNamed(name); own != nil {
		n -= c.status.neverIssued[issuerKey(own)]
	}
	return n
}
