package approval

import (
	"bytes"
	"errors"
	"fmt"

	"seihon/artifact/sshsig"
)

// Papers are a request and the signatures on it. As a file: the request, and the signatures behind it.
type Papers struct {
	Request    []byte
	Signatures [][]byte
}

// MaxSignatures bounds how many signatures can be handed over; a rule has fewer people.
const MaxSignatures = 64

// Add sorts a file that somebody hands over in: the request, or a signature.
func (p *Papers) Add(name string, file []byte) error {
	// a mail or an editor may have changed the ends of its lines
	if sshsig.Armored(bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n"))) {
		file = append(bytes.TrimRight(bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n")), "\n"), '\n')
	}
	switch {
	case bytes.HasPrefix(file, []byte(Magic)) && p.Request == nil:
		p.Request = file
	case bytes.HasPrefix(file, []byte(Magic)):
		return fmt.Errorf("%q is a second request; hand over one, and the signatures on it", name)
	case sshsig.Armored(file) && len(p.Signatures) == MaxSignatures:
		return fmt.Errorf("there are more than %d signatures", MaxSignatures)
	case sshsig.Armored(file):
		p.Signatures = append(p.Signatures, file)
	default:
		return fmt.Errorf("%q is neither an approval request nor an SSH signature on one; `ssh-keygen -Y sign -n %s "+
			"-f KEY REQUEST` makes a signature", name, Namespace)
	}
	return nil
}

// Document is what goes into the log.
func (p *Papers) Document() []byte {
	return append(bytes.Clone(p.Request), bytes.Join(p.Signatures, nil)...)
}

// ParseDocument reads what Document wrote.
func ParseDocument(doc []byte) (*Papers, error) {
	i := bytes.Index(doc, []byte("\n-----BEGIN SSH SIGNATURE-----\n")) // no line of a request begins like that
	if i < 0 {
		return nil, errors.New("parsing an approval: it has no signature")
	}
	return &Papers{Request: doc[:i+1], Signatures: sshsig.Split(doc[i+1:])}, nil
}

// Check reads the request and holds the signatures against a rule. It returns who approved.
func (p *Papers) Check(rule *Rule) (*Request, []string, error) {
	if p.Request == nil {
		return nil, nil, errors.New("the request that was approved is missing; hand it over with the signatures on it")
	}
	q, err := ParseRequest(p.Request)
	if err != nil {
		return nil, nil, err
	}
	who, err := rule.Approved(p.Request, p.Signatures)
	return q, who, err
}
