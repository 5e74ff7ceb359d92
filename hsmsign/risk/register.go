// Package risk reads the register of an operator's risks to information security, holds it against
// section 3-1 of the report, and writes it for people in Japanese and English.
//
// Section 3-1 asks for three things: risks are assessed in good time, a policy and plan of response
// is laid down, and both are kept as documents of the organisation. A survey reads those documents,
// or accepts the certificate of a third party about the same. The register is that document as
// data: [Register.Check] says by field what is missing. It cannot say whether the assessment is
// right, nor whether a risk was forgotten; the report shows who assessed and who approved.
package risk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v3"
)

// Schema names the form of the register.
const Schema = "seihon/risk-register/v1"

// A Register is the operator's own statement; nobody else has checked it.
type Register struct {
	Schema string `yaml:"schema"`
	// Example says that its values are made up. No accredited room records such a register.
	Example      bool   `yaml:"example"`
	Organisation string `yaml:"organisation"`
	Scope        Text   `yaml:"scope"`
	Assessed     Act    `yaml:"assessed"`
	Approved     Act    `yaml:"approved"`
	// NextReview is the day of the next assessment at the latest.
	NextReview time.Time `yaml:"next_review"`
	Scale      Scale     `yaml:"scale"`
	Risks      []Risk    `yaml:"risks"`
	// Emergency says who decides what when something has happened, which section 3-1 recommends.
	Emergency []Duty `yaml:"emergency"`
	// Certification is of a third party, in the place of Risks.
	Certification *Certification `yaml:"certification"`
}

// A Text is said in both languages, or in one of them.
type Text struct {
	JA string `yaml:"ja"`
	EN string `yaml:"en"`
}

// An Act is what somebody did on a day.
type Act struct {
	On time.Time `yaml:"on"`
	By string    `yaml:"by"`
}

// A Scale says how likelihood and impact are graded, from 1 to Levels, and from which product of
// both on a risk needs a plan with an owner and a day.
type Scale struct {
	Levels   int `yaml:"levels"`
	PlanFrom int `yaml:"plan_from"`
}

// A Risk is assessed by likelihood and impact, and has a response.
type Risk struct {
	ID         string   `yaml:"id"`
	Risk       Text     `yaml:"risk"`
	Likelihood int      `yaml:"likelihood"`
	Impact     int      `yaml:"impact"`
	Response   Response `yaml:"response"`
	// Measures are what stands against it already.
	Measures []Text `yaml:"measures"`
	// Because says why a risk is accepted.
	Because Text   `yaml:"because"`
	Owner   string `yaml:"owner"`
	Plan    []Step `yaml:"plan"`
}

// Score is likelihood times impact.
func (r *Risk) Score() int { return r.Likelihood * r.Impact }

// A Response is what is done about a risk.
type Response string

// The responses that ISO/IEC 27005 knows, too.
const (
	Avoid  Response = "avoid"
	Reduce Response = "reduce"
	Share  Response = "share"
	Accept Response = "accept"
)

// A Step is something that will be done, by whom and until when.
type Step struct {
	What  Text      `yaml:"what"`
	Owner string    `yaml:"owner"`
	By    time.Time `yaml:"by"`
	Done  time.Time `yaml:"done"` // zero: not yet
}

// A Duty is a part that somebody has in an emergency.
type Duty struct {
	Duty Text   `yaml:"duty"`
	Who  string `yaml:"who"`
}

// A Certification is a third party's statement about the management of risks.
type Certification struct {
	Scheme     string    `yaml:"scheme"` // such as ISO/IEC 27001
	Body       string    `yaml:"body"`
	Number     string    `yaml:"number"`
	Scope      Text      `yaml:"scope"`
	ValidUntil time.Time `yaml:"valid_until"`
}

// maxRegister bounds the register; one of a hundred risks has some 50 kilobytes.
const maxRegister = 4 << 20

// IsRegister reports whether a document claims to be a register, so that another form of risk
// review – a text, a PDF – is not taken for one.
func IsRegister(doc []byte) bool {
	return bytes.HasPrefix(doc, []byte("schema: seihon/risk-register/")) ||
		bytes.Contains(doc, []byte("\nschema: seihon/risk-register/"))
}

// Parse reads a register, strictly: an unknown field is an error. It does not judge it.
func Parse(doc []byte) (*Register, error) {
	if len(doc) > maxRegister {
		return nil, fmt.Errorf("parsing the risk register: %d bytes are more than %d", len(doc), maxRegister)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(doc))
	decoder.KnownFields(true)
	r := &Register{}
	if err := decoder.Decode(r); err != nil {
		return nil, fmt.Errorf("parsing the risk register: %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("parsing the risk register: there is a second document in it")
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("parsing the risk register: its form is %q, this program knows %q", r.Schema, Schema)
	}
	return r, nil
}
