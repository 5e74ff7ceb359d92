package der_test

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
	"seihon/hsmsign/internal/der"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		0: "3000", 0x7f: "307f", 0x80: "308180", 0xff: "3081ff", 0x100: "30820100", 0xffff: "3082ffff",
		0x10000: "3083010000", 0xffffff: "3083ffffff", 0x1000000: "308401000000", 0x123456789: "30850123456789",
	} {
		got := der.AppendHeader(nil, der.Sequence, n)
		if fmt.Sprintf("%x", got) != want || der.HeaderLen(n) != len(got) || der.Size(n) != len(got)+n {
			t.Errorf("header of %#x octets: %x, %d; want %s", n, got, der.HeaderLen(n), want)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte{7}, 200)
	want, err := asn1.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if got := der.Wrap(der.OctetString, content[:150], nil, content[150:]); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	if got := der.Append(nil, der.OctetString, content); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// TestTimes compares with encoding/asn1, which makes the same choice between the two types.
func TestTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Int64Range(-631152000, 253402300799).Draw(t, "seconds") // 1950 to 9999
		zone := time.FixedZone("", rapid.IntRange(-14*60, 14*60).Draw(t, "zone")*60)
		at := time.Unix(seconds, rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds")).In(zone)
		if err := der.CheckTime(at); err != nil {
			t.Fatal(err)
		}
		whole := at.Truncate(time.Second).UTC()
		want, err := asn1.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		if got := der.AppendTime(nil, at); !bytes.Equal(got, want) {
			t.Errorf("%v: got %q, want %q", at, got, want)
		}
		want, err = asn1.MarshalWithParams(whole, "generalized")
		if err != nil {
			t.Fatal(err)
		}
		if got := der.AppendGeneralizedTime(nil, at); !bytes.Equal(got, want) || len(got) != der.GeneralizedTimeSize {
			t.Errorf("%v: got %q, want %q", at, got, want)
		}
	})
	for _, bad := range []time.Time{{}, time.Unix(-631152001, 0), time.Unix(253402300800, 0)} {
		if der.CheckTime(bad) == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

// TestCheckSerial compares with encoding/asn1: what is accepted is the content that it writes for a positive number.
func TestCheckSerial(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.OneOf(rapid.Just(byte(0)), rapid.Byte()), 0, 22).Draw(t, "content")
		n := new(big.Int).SetBytes(content)
		again, err := asn1.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		good := n.Sign() > 0 && len(content) <= 20 && bytes.Equal(again[2:], content)
		if err := der.CheckSerial(content); (err == nil) != good {
			t.Errorf("%x: %v", content, err)
		}
	})
}
