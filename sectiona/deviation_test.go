package sectiona

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/internal/inputtest"
)

// deviant is a list that deviates in every way that a list can; doubtful says whether also in those that leave doubt.
func deviant(ca *inputtest.CA, doubtful bool) *artifact.Artifact {
	number := inputtest.Integer
	at := func(d time.Duration) []byte { return inputtest.Time(inputtest.Now.Add(d)) }
	doubts := []inputtest.Entry{
		{Serial: number([]byte{4}), Extensions: inputtest.Reason(8)},
		{Serial: number([]byte{5}), Extensions: inputtest.Reason(1)},
		{Serial: number([]byte{5}), Extensions: inputtest.Reason(4)},
	}
	if !doubtful {
		doubts = nil
	}
	return artifact.Parse(ca.List(inputtest.List{
		This: inputtest.Generalized(inputtest.Now.Add(-time.Hour)),
		Entries: append([]inputtest.Entry{
			{Serial: number([]byte{0})},
			{Serial: number([]byte{0xfe})},
			{Serial: number(append([]byte{1}, make([]byte, 20)...))},
			{Serial: number([]byte{2}), Time: inputtest.Generalized(inputtest.Now.Add(-48 * time.Hour))},
			{Serial: number([]byte{3}), Time: at(time.Hour)},
			{Serial: number([]byte{6})},
			{Serial: number([]byte{6})},
			{Serial: number([]byte{7})},
		}, doubts...),
	}))
}

// TestDeviations: each thing that is wrong in a list or a response is named, with its serial number.
func TestDeviations(t *testing.T) {
	ca := inputtest.NewCA("Example CA One")
	named := func(a *artifact.Artifact) (all []string) {
		for d := range Deviations(a, inputtest.Now) {
			if d.Reason == "" {
				t.Errorf("%s gives no reason", d.Code)
			}
			all = append(all, fmt.Sprintf("%s %x", d.Code, d.Serial))
		}
		return all
	}
	list := deviant(ca, true)
	long := "01" + fmt.Sprintf("%040d", 0)
	want := []string{"early-long-time ", "serial-zero 00", "serial-negative fe", "serial-long " + long,
		"early-long-time 02",
		"revoked-later 03", "removed-in-full 04", "listed-twice 06", "listed-two-ways 05"}
	if got := named(list); !slices.Equal(got, want) {
		t.Errorf("the list: %q, want %q", got, want)
	}
	hour := inputtest.Generalized(inputtest.Now.Add(time.Hour))
	response := artifact.Parse(ca.Response(inputtest.Response{
		Produced: inputtest.Generalized(inputtest.Now.Add(10 * time.Minute)),
		Singles: []inputtest.Single{
			{Serial: inputtest.Integer([]byte{0})},
			{Serial: inputtest.Integer([]byte{1}), This: hour},
			{Serial: inputtest.Integer([]byte{2}), Status: inputtest.Revoked(hour, 1)},
			{Serial: inputtest.Integer([]byte{2})},
		},
	}))
	want = []string{"produced-later ", "serial-zero 00", "answered-later 01", "revoked-later 02",
		"answered-two-ways 02"}
	if got := named(response); !slices.Equal(got, want) {
		t.Errorf("the response: %q, want %q", got, want)
	}
	want = want[1:] // without a clock nobody knows the future
	got := []string{}
	for d := range Deviations(response, time.Time{}) {
		got = append(got, fmt.Sprintf("%s %x", d.Code, d.Serial))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the response without a clock: %q, want %q", got, want)
	}
	for d := range Deviations(artifact.Parse(ca.Cert.Raw), inputtest.Now) {
		t.Errorf("a certificate deviates: %v", d)
	}
}

// TestExcepted: one exception lets one deviation pass, and no other.
func TestExcepted(t *testing.T) {
	ca := inputtest.NewCA("Example CA One")
	list := deviant(ca, false)
	key := func(d Deviation) string { return fmt.Sprintf("%s %x", d.Code, d.Serial) }
	var all []string
	for d := range Deviations(list, inputtest.Now) {
		if !Excusable(d.Code) {
			t.Fatalf("%s leaves doubt", d.Code)
		}
		all = append(all, key(d))
	}
	for missing := range len(all) + 1 {
		p := &Policy{
			Trust: artifact.NewTrust([]*x509.Certificate{ca.Cert}, nil),
			Now:   func() time.Time { return inputtest.Now },
			Excepted: func(by *x509.Certificate, d Deviation, dated time.Time) bool {
				i := slices.Index(all, key(d))
				return by.Equal(ca.Cert) && dated.Equal(list.CRL.ThisUpdate) && i >= 0 && i != missing
			},
		}
		refusal := p.Admit(list, Evidence{InLedger: true})
		if (refusal == nil) != (missing == len(all)) {
			t.Errorf("with every exception but %d of %d: %v", missing, len(all), refusal)
		}
	}
}

// TestNeverExcepted: what leaves doubt about what is said passes by no exception.
func TestNeverExcepted(t *testing.T) {
	ca := inputtest.NewCA("Example CA One")
	p := &Policy{Trust: artifact.NewTrust([]*x509.Certificate{ca.Cert}, nil),
		Now:      func() time.Time { return inputtest.Now },
		Excepted: func(*x509.Certificate, Deviation, time.Time) bool { return true }}
	five := inputtest.Integer([]byte{5})
	hour := inputtest.Generalized(inputtest.Now.Add(time.Hour))
	for name, der := range map[string][]byte{
		"unreadable":      ca.List(inputtest.List{Entries: []inputtest.Entry{{Time: inputtest.Integer([]byte{1})}}}),
		"removed in full": ca.List(inputtest.List{Entries: []inputtest.Entry{{Extensions: inputtest.Reason(8)}}}),
		"two ways": ca.List(inputtest.List{Entries: []inputtest.Entry{
			{Serial: five, Extensions: inputtest.Reason(1)}, {Serial: five, Extensions: inputtest.Reason(4)}}}),
		"answered two ways": ca.Response(inputtest.Response{Singles: []inputtest.Single{
			{Serial: five},
			{Serial: five, Status: inputtest.Revoked(inputtest.Generalized(inputtest.Now.Add(-48*time.Hour)), 1)}}}),
		"produced later": ca.Response(inputtest.Response{Produced: hour, Singles: []inputtest.Single{{Serial: five}}}),
	} {
		if p.Admit(artifact.Parse(der), Evidence{InLedger: true}) == nil {
			t.Errorf("%s: it was excepted", name)
		}
	}
}

// TestPlainEntriesDoNotDeviate holds the quick judgement of a line to the whole one: whatever it passes over, the other
// finds nothing wrong with.
func TestPlainEntriesDoNotDeviate(t *testing.T) {
	t.Parallel()
	long := func(n int, first byte) []byte { return append([]byte{first}, make([]byte, n-1)...) }
	serials := [][]byte{nil, {0}, {1}, {0x7f}, {0x80}, {0xff}, {0, 0x80}, long(20, 1), long(20, 0x80), long(21, 1),
		long(21, 0)}
	plain := 0
	for _, base := range []*big.Int{nil, big.NewInt(1)} {
		l := &artifact.RevocationList{ThisUpdate: inputtest.Now, BaseNumber: base}
		latest := l.ThisUpdate.Add(skew)
		for _, serial := range serials {
			for reason := -1; reason <= 10; reason++ {
				for _, at := range []time.Time{l.ThisUpdate, latest, latest.Add(time.Second)} {
					for _, early := range []bool{false, true} {
						e := artifact.RevokedEntry{Serial: serial, Reason: reason, Time: at, EarlyGeneralized: early}
						if !isPlain(&e, latest) {
							continue
						}
						plain++
						entryDeviations(l, e, func(d Deviation) bool {
							t.Errorf("%+v is plain, and deviates: %s", e, d.Code)
							return true
						})
					}
				}
			}
		}
	}
	if plain < 50 {
		t.Errorf("%d lines are plain: the quick judgement saves nothing", plain)
	}
}
