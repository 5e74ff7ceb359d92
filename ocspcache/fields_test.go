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

func TestUnixTime(t *testing.T) {
	t.Parallel()
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for at := first; at.Before(last); at = at.Add(23*time.Hour*24 + 12345*time.Second) {
		if got, ok := unixTime([]byte(at.Format("20060102150405Z"))); !ok || got != at.Unix() {
			t.Fatalf("%v is %d, %v; want %d", at, got, ok, at.Unix())
		}
	}
	for text, want := range map[string]bool{
		"99991231235959Z": true, "20240229000000Z": true, "20000229000000Z": true, "19000229000000Z": false,
		"20230229000000Z": false,
		"20230431000000Z": false, "20231301000000Z": false, "20230001000000Z": false, "20230100000000Z": false,
		"20230101240000Z": false,
		"20230101006000Z": false, "20230101000060Z": false, "00000101000000Z": false, "2023010100000Z": false,
		"20230101000000+":   false,
		"20230101000000.0Z": false, "2023010100000aZ": false,
	} {
		if _, ok := unixTime([]byte(text)); ok != want {
			t.Errorf("unixTime(%q) is %v, want %v", text, ok, want)
		}
	}
}
