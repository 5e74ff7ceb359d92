package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConsents(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "consents")
	if c, err := ReadConsents(file); err != nil || len(c) != 0 {
		t.Errorf("a missing file: %v, %v; want no consents", c, err)
	}
	text := "# consents\n00AB12 form-7\n\n" + ConsentLine([]byte{0, 0xff, 1}, "form 8")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := ReadConsents(file)
	if err != nil {
		t.Fatal(err)
	}
	for serial, want := range map[string]string{"\xab\x12": "form-7", "\x00\xff\x01": "form 8", "\x01": ""} {
		if id, ok := c.Of([]byte(serial)); id != want || ok != (want != "") {
			t.Errorf("consent of %x is %q, %v; want %q", serial, id, ok, want)
		}
	}
	for _, bad := range []string{"xyz form\n", "ab\n", "ab  \n"} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadConsents(file); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: error %v, want one with the line", bad, err)
		}
	}
}
