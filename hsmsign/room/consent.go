package room

import (
	"bytes"
	"fmt"
	"os"

	"seihon/internal/config"
	"seihon/internal/durable"
	"seihon/internal/regular"
)

// loadConsents reads the consents given so far, when publication is opted into at all.
func (r *Room) loadConsents() error {
	s := r.Config.SectionA.SubscriberCertificates
	if s == nil {
		return nil
	}
	var err error
	r.consents, err = config.ReadConsents(string(s.Consents))
	return err
}

// checkConsent refuses a consent that nothing could be done with, before anything is signed.
func (r *Room) checkConsent(id string) error {
	if id != "" && r.Config.SectionA.SubscriberCertificates == nil {
		return fmt.Errorf("issuing to a subscriber: consent %q is given, but section_a.subscriber_certificates does "+
			"not allow publication", id)
	}
	return nil
}

// writeConsent writes a consent down, once, for the publishing host to see.
func (r *Room) writeConsent(serial []byte, id string) error {
	file := string(r.Config.SectionA.SubscriberCertificates.Consents)
	old, err := regular.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("recording the consent: %w", err)
	}
	line := config.ConsentLine(serial, id)
	if bytes.Contains(old, []byte(line)) { // the command was interrupted after it
		return nil
	}
	if err := durable.WriteFile(file, append(old, line...), 0o644); err != nil {
		return fmt.Errorf("recording the consent: %w", err)
	}
	return r.loadConsents()
}
