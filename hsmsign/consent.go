package hsmsign

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/internal/durable"
	"seihon/inventory"
	"seihon/public"
)

// loadConsents reads the consents given so far, when publication is opted into at all.
func (r *Room) loadConsents() error {
	s := r.conf.SectionA.SubscriberCertificates
	if s == nil {
		return nil
	}
	var err error
	r.consents, err = config.ReadConsents(string(s.Consents))
	return err
}

// checkConsent refuses a consent that nothing could be done with, before anything is signed.
func (r *Room) checkConsent(id string) error {
	if id != "" && r.conf.SectionA.SubscriberCertificates == nil {
		return fmt.Errorf("issuing to a subscriber: consent %q is given, but section_a.subscriber_certificates does not allow publication", id)
	}
	return nil
}

// publishSubscriber writes the consent down, for the publishing host to see, and stages the certificate.
func (r *Room) publishSubscriber(ctx context.Context, issuer string, c *x509.Certificate, id string) error {
	serial, err := inventory.SerialOf(c.SerialNumber)
	if err != nil {
		return err
	}
	file := string(r.conf.SectionA.SubscriberCertificates.Consents)
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("recording the consent: %w", err)
	}
	if err := durable.WriteFile(file, append(old, config.ConsentLine(serial, id)...), 0o644); err != nil {
		return fmt.Errorf("recording the consent: %w", err)
	}
	if err := r.loadConsents(); err != nil {
		return err
	}
	return r.stage(ctx, certificateRecord(issuer, artifact.SubscriberCertificate, public.Subscriber(serial), c), c.Raw)
}
