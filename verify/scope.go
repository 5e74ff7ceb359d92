package verify

import "seihon/verify/report"

// scope tells what this run did.
func (c *checker) scope(r *report.Report) report.Scope {
	s := report.Scope{
		Master: report.ContentNone, CopyContent: report.ContentNone, Memory: r.Memory != nil, Copies: len(r.Copies),
		Inventory: c.Inventory != nil && c.Tier.Deep(), Commitments: r.Counts.Commitments,
		HSM: r.HSM != nil && r.HSM.Judged > 0, Timestamps: c.stamped, Witnesses: c.witnessed,
		URLs: c.Tier.Deep() && c.BaseURL != "", Publication: report.PublicationChecked, Known: len(c.Known),
		KnownOfPublication: len(c.PublicationKnown), Unseen: append([]string{}, c.unseen...),
	}
	s.Asked(r.Responders)
	if r.Record != nil {
		s.Vantages = len(r.Record.Signed)
	}
	if r.Record != nil && r.Record.Uptime != nil {
		s.Rounds = &r.Record.Uptime.Rounds
	}
	switch c.Tier {
	case report.TierFull:
		s.Master, s.CopyContent = report.MasterBytes, report.ContentAll
	case report.TierSample:
		s.Master, s.CopyContent = report.MasterBytes, report.ContentSample
	case report.TierList:
		s.Master, s.CopyContent = report.ContentSizes, report.ContentSizes
	case report.TierLog:
	}
	if s.Copies == 0 {
		s.CopyContent = report.ContentNone
	}
	for i, p := range r.Copies {
		s.HTTP = s.HTTP || !isLocal(c.Copies[i].Source)
		if !p.Listed {
			s.Unlisted++
		}
	}
	switch {
	case c.Publication == "":
		s.Publication = report.PublicationNoLog
	case c.PublicationVerifier == nil:
		s.Publication = report.PublicationNoKey
	}
	return s
}
