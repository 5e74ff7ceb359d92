package ocspcache

import (
	"net/http"
	"testing"
	"time"
)

func TestAppendDate(t *testing.T) {
	t.Parallel()
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	for unix := int64(0); unix < last; unix += 86400*97 + 12345 {
		want := time.Unix(unix, 0).UTC().Format(http.TimeFormat)
		if got := string(appendDate(nil, unix)); got != want {
			t.Fatalf("%d is %q, want %q", unix, got, want)
		}
	}
	if got := string(appendDate(nil, last)); got != "Fri, 31 Dec 9999 23:59:59 GMT" {
		t.Errorf("the end of time is %q", got)
	}
}
