//go:build integration

package cmd_test

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestTokenDiesInARun: a token that dies at a signature is waited for once, as long as its outage says; what the other
// token's keys sign is signed. When it is back, the next run signs with both.
func TestTokenDiesInARun(t *testing.T) {
	r := newTwoTokens(t)
	r.write("repository.yaml",
		strings.Replace(r.read("repository.yaml"), "timeout: 5s, pin", "timeout: 5s, outage: 2s, pin", 1))
	r.must(0, "keygen")
	for _, name := range []string{"next", "next-sub", "next-sub-ocsp"} {
		r.must(0, "issue --name "+name+" --out ca/"+name+".pem")
	}
	r.must(0, "run", "signed  crl/next.crl")

	r.write("count-new-dies", "")
	begin := time.Now()
	r.must(1, "crl", "signed  crl/sub.crl", "signed  crl/root.crl", "waiting 2s for the token")
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("a token that does not come back was waited for during %v, with an outage of 2s", took)
	}
	if len(r.read("count-new-dead")) == 0 {
		t.Error("the token did not die")
	}
	for _, name := range []string{"count-new-dies", "count-new-dead"} {
		if err := os.Remove(r.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	r.must(0, "crl", "signed  crl/sub.crl", "signed  crl/next.crl", "signed  crl/next-sub.crl")
	r.published()
}
