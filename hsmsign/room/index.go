package room

import (
	"context"
	"fmt"
	"slices"

	"seihon/artifact"
	"seihon/hsmsign/document"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/public"
)

// stageIndex makes the public index page of what the repository will hold after
// this commit, without the names that it withdraws, when that changes the page.
func (r *Room) stageIndex(ctx context.Context, withdrawn ...string) error {
	lines, err := r.linesAfterCommit(ctx)
	if err != nil {
		return err
	}
	for _, name := range withdrawn {
		delete(lines, name)
	}
	data, err := r.indexData(ctx, lines)
	if err != nil {
		return err
	}
	page, err := document.IndexPage(data)
	if err != nil {
		return fmt.Errorf("making the index page: %w", err)
	}
	if old, ok := lines[public.Index]; ok && old.Digest == artifact.Sum(page) {
		return nil
	}
	return r.Stage(ctx, inventory.ArtifactRecord{
		Issuer: r.Config.Issuers[0].Name, Kind: artifact.IndexPage, Name: public.Index, Scope: "index",
		ThisUpdate: data.Updated,
	}, page)
}

// linesAfterCommit is the state of the log with what is staged on top.
func (r *Room) linesAfterCommit(ctx context.Context) (map[string]ledger.Line, error) {
	state, err := r.Log.Log().State(ctx, r.Log.Log().Size())
	if err != nil {
		return nil, err
	}
	lines := map[string]ledger.Line{}
	for line := range state.All() {
		if line.Kind != artifact.OCSPBundle {
			lines[line.Name] = line
		}
	}
	for _, rec := range r.Pending {
		line, err := r.Line(rec)
		if err != nil {
			return nil, err
		}
		lines[line.Name] = line
	}
	return lines, nil
}

func (r *Room) indexData(ctx context.Context, lines map[string]ledger.Line) (document.IndexData, error) {
	d := document.IndexData{
		Title: r.Config.Repository.Name, TitleJA: r.Config.Repository.Name,
		Operator: r.operator(),
		Origin:   r.Config.Master.Origin,
		Trial:    r.onTrial(),
	}
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line := lines[name]
		if line.NotBefore.After(d.Updated) && line.Kind != artifact.Document && line.Kind != artifact.IndexPage {
			d.Updated = line.NotBefore
		}
		if err := r.indexLine(ctx, line, lines, &d); err != nil {
			return d, err
		}
	}
	for _, i := range r.Config.Issuers {
		if i.OCSP != nil {
			d.OCSP = []string{r.Config.Repository.BaseURL + r.Config.Serve.OCSPPath}
		}
	}
	for _, file := range r.Config.Master.Keys {
		vkey, err := readLine(string(file))
		if err != nil {
			return d, fmt.Errorf("reading the master log's key: %w", err)
		}
		d.Keys = append(d.Keys, vkey)
	}
	return d, nil
}

// operator is the organization of the first issuer, as the configuration or its certificate says it.
func (r *Room) operator() string {
	first := &r.Config.Issuers[0]
	if c := r.Certificate(first.Name); first.External() && c != nil && len(c.Subject.Organization) > 0 {
		return c.Subject.Organization[0]
	}
	return first.Subject.Organization
}

func (r *Room) indexLine(ctx context.Context, line ledger.Line, lines map[string]ledger.Line,
	d *document.IndexData) error {
	switch line.Kind {
	case artifact.CACertificate, artifact.LinkCertificate, artifact.CrossCertificate:
		der, err := r.Log.Log().ReadBlob(ctx, line)
		if err != nil {
			return err
		}
		d.Certificates = append(d.Certificates, document.IndexCertificate{URL: line.Name, DER: der})
	case artifact.CRL, artifact.ARL, artifact.DeltaCRL:
		if line.History {
			return nil
		}
		d.CRLs = append(d.CRLs, document.IndexCRL{
			URL: line.Name, Kind: string(line.Kind), Issuer: line.Issuer, Number: line.Number,
			ThisUpdate: line.NotBefore, NextUpdate: line.NotAfter,
		})
	case artifact.Document:
		d.Documents = append(d.Documents, r.indexDocument(line, lines))
	}
	return nil
}

func (r *Room) indexDocument(line ledger.Line, lines map[string]ledger.Line) document.Version {
	v := document.Version{URL: line.Name, Effective: line.NotBefore, Digest: line.Digest}
	n, err := public.Parse(line.Name)
	for _, conf := range r.Config.Documents {
		if version, ok := n.Version(conf.Name); ok && err == nil {
			v.Name, v.Version, v.Title = conf.Name, version, conf.Title
		}
	}
	if sig := public.Signature(line.Name); lines[sig].Name == sig {
		v.Signature = sig
	}
	return v
}
