package japanese_test

import (
	"strings"
	"testing"
	"time"

	"seihon/verify/japanese"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for en, want := range map[string]string{
		"reading is forbidden": "読み取りが禁止されている",
		"a crl of 12 bytes":    "12 バイトの CRL",
		//
		"serial 0a, 0b and 3 more: crl/a.crl number 4 (sha256 00ff, log entry 3) says revoked 20261128T010203Z - -, " +
			"crl/a.crl number 5 (sha256 01, log entry 9) says absent": "シリアル番号 0a, 0b 他 3 件：crl/a.crl 番号 4（SHA-256 " +
			"00ff、ログの記録 3） では 失効（日時 20261128T010203Z、理由 -、無効日 -）、crl/a.crl " +
			"番号 5（SHA-256 01、ログの記録 9） では 記載なし",
		"verifying CMS: signer 1: it has no signed attributes":                                                     "CMS の検証：署名者 1：署名属性がない",
		"opening docs/a.pdf: open /x/docs/a.pdf: permission denied":                                                "docs/a.pdf を開く：/x/docs/a.pdf を開けない：権限がない",
		"a log of 40 bytes: it looks like a log file; section A: its content is of a kind that is never published": "40 バイトの ログファイル：ログファイルと見られる。規則 A：内容が、公開してはならない種別のものである",
	} {
		if got, known := japanese.Of(en); got != want || !known {
			t.Errorf("%q is %q (%v), want %q", en, got, known, want)
		}
	}
}

// TestForeign quotes what has no translation, and says that it is not known.
func TestForeign(t *testing.T) {
	t.Parallel()
	for en, want := range map[string]string{
		"asking for crl/a.crl: the flux capacitor is broken": "crl/a.crl の要求：「the flux capacitor is broken」",
		"nothing of this is known":                           "「nothing of this is known」",
	} {
		if got, known := japanese.Of(en); got != want || known {
			t.Errorf("%q is %q (%v), want %q", en, got, known, want)
		}
	}
}

// TestBusy bounds the work on a text that was made to keep the reader busy.
func TestBusy(t *testing.T) {
	t.Parallel()
	start := time.Now()
	japanese.Of(strings.Repeat("reading x: ", 700))
	japanese.Of(strings.Repeat("it is empty; ", 600))
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// FuzzOf makes sure that no text, however it is built, keeps it busy.
func FuzzOf(f *testing.F) {
	for _, en := range japanese.Texts() {
		f.Add(en)
	}
	f.Add(strings.Repeat("reading x: ", 100))
	f.Fuzz(func(_ *testing.T, en string) {
		if len(en) < 1<<12 {
			japanese.Of(en)
		}
	})
}
