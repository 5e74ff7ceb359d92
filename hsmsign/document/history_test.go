package document_test

import (
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/hsmsign/document"
)

func version(number string, month int) document.Version {
	return document.Version{Name: "cps", Version: number, Effective: noon.AddDate(0, month, 0),
		Digest: artifact.Sum([]byte(number))}
}

func TestHistory(t *testing.T) {
	h := document.History{version("1.0", 0), version("1.1", 2), version("2.0", 2)}
	if err := h.Check(); err != nil {
		t.Error(err)
	}
	for month, want := range map[int]string{-1: "", 0: "1.0", 1: "1.0", 2: "2.0", 9: "2.0"} {
		if v, ok := h.At(noon.AddDate(0, month, 0)); ok != (want != "") || v.Version != want {
			t.Errorf("month %d: %q in force, want %q", month, v.Version, want)
		}
	}
	other := version("1.1", 1)
	other.Name = "cp"
	same := version("1.1", 1)
	same.Digest = h[0].Digest
	blank := version("1.1", 1)
	blank.Digest = artifact.Digest{}
	for want, v := range map[string]document.Version{
		"occurs twice": version("1.0", 1), "before": version("0.9", -1), "version of": other, "same text": same,
		"lacks": blank,
	} {
		if err := (document.History{h[0], v}).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
