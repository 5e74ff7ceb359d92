package credentials

import (
	"fmt"
	"net/http"
	"net/url"

	"seihon/publish"
)

// A Redirected is the answer of a store that sends its client elsewhere. It is a
// [publish.ErrInvalid].
type Redirected struct {
	Status string
	To     *url.URL // without a query, which may hold a signature
}

func (r *Redirected) Error() string {
	return fmt.Sprintf("it answers %q and names %s://%s; no redirect is followed, since credentials go only where "+
		"the configuration says: "+
		"correct the endpoint or the region of the target there", r.Status, r.To.Scheme, r.To.Host)
}

// Unwrap lets callers branch on the sentinel.
func (r *Redirected) Unwrap() error { return publish.ErrInvalid }

// Stay wraps a transport so that no redirect is followed. Go's client takes the
// credentials along to the same host, also from https to http and to another
// port; and whoever is named there would say of an object that it is written.
func Stay(next http.RoundTripper) http.RoundTripper { return stay{next} }

type stay struct{ next http.RoundTripper }

func (s stay) RoundTrip(q *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
	default:
		return resp, nil
	}
	to, err := resp.Location()
	if err != nil { // it names no place: Cloud Storage answers so while an upload goes on
		return resp, nil
	}
	_ = resp.Body.Close() // what it says does not count
	return nil, &Redirected{Status: resp.Status, To: to}
}
