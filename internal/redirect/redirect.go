// Package redirect is the one policy about answers that send a client to another address. Every HTTP client of the
// module takes one of its functions as CheckRedirect, or wraps its transport where an SDK makes the client
// (publish/credentials): credentials and requests go only to the host that was configured, https never becomes http, no
// chain is longer than five, and what was not followed is said with the address.
package redirect

import (
	"fmt"
	"net/http"
	"net/url"
)

// most bounds how often an answer may send a client elsewhere.
const most = 5

// A Refused is a redirect that was not followed.
type Refused struct {
	Why string
	To  *url.URL // without query, fragment and user, which may hold secrets
}

func (r *Refused) Error() string { return fmt.Sprintf("%s, %s: nothing was asked there", r.Why, r.To) }

// None takes the redirect itself as the answer: for a client whose caller judges the status, and says it.
func None(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Never refuses each redirect: for requests that are for one party, as a time-stamping authority.
func Never(next *http.Request, _ []*http.Request) error { return refuse(next, "it is redirected") }

// SameHost follows a redirect at the host that was asked, and from http to https there: for a reader that says of one
// host what is at it.
func SameHost(next *http.Request, via []*http.Request) error {
	if err := Anywhere(next, via); err != nil {
		return err
	}
	if !same(via[0].URL, next.URL) {
		return refuse(next, "it is redirected to another host")
	}
	return nil
}

// Anywhere follows redirects to other hosts as well, as relying parties' clients do: for requests that anybody may
// send, and whose caller says where the answer came from.
func Anywhere(next *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	for _, r := range via {
		if r.URL.String() == next.URL.String() {
			return refuse(next, "it is redirected in a circle")
		}
	}
	switch {
	case len(via) > most:
		return refuse(next, fmt.Sprintf("it is redirected more than %d times", most))
	case next.URL.Scheme != "http" && next.URL.Scheme != "https":
		return refuse(next, fmt.Sprintf("it is redirected to the scheme %q", next.URL.Scheme))
	case last.Scheme == "https" && next.URL.Scheme != "https":
		return refuse(next, "it is redirected from https to http")
	}
	return nil
}

func refuse(next *http.Request, why string) error {
	return &Refused{why, &url.URL{Scheme: next.URL.Scheme, Host: next.URL.Host, Path: next.URL.Path}}
}

// same reports whether two addresses are of one host: the same name and port, where the ports of http and https that
// are not written count as one.
func same(a, b *url.URL) bool {
	return a.Hostname() == b.Hostname() && port(a) == port(b)
}

func port(u *url.URL) string {
	p := u.Port()
	if u.Scheme == "http" && p == "80" || u.Scheme == "https" && p == "443" {
		return ""
	}
	return p
}
