package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/verify/observe"
	"seihon/verify/report"
)

func observeCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "observe",
		Usage: "judge any CA's public lists and OCSP from outside, with nothing but its certificate: no master, no " +
			"log, no configuration",
		Flags: cliexit.Flags(
			&cli.StringSliceFlag{Name: "issuer-certificate",
				Usage: "the CA's certificate `FILE`: DER, PEM with one or more, or .p7c; may be repeated"},
			&cli.StringSliceFlag{Name: "crl",
				Usage: "the `URL` of a list; may be repeated; default: those that the --certificate files name"},
			&cli.StringSliceFlag{Name: "partition",
				Usage: "the `URL` of a list that is complete only together with others; may be repeated"},
			&cli.StringSliceFlag{Name: "ocsp",
				Usage: "the `URL` of an OCSP responder; may be repeated; default: those that the --certificate " +
					"files name"},
			&cli.StringSliceFlag{Name: "certificate",
				Usage: "a certificate `FILE` of the CA to ask OCSP about; may be repeated"},
			&cli.StringFlag{Name: "list",
				Usage: "a `FILE` of CAs and their addresses, CSV or JSON in the shape of CCADB's reports"},
			&cli.StringFlag{Name: "state",
				Usage: "a `FOLDER` for what the next run compares with; without it nothing is kept"},
			&cli.StringFlag{Name: "html", Usage: "also write the report as one HTML `FILE`, in Japanese and English"},
			&cli.StringFlag{Name: "report", Usage: "also write the report as JSON to `FILE`"},
			&cli.StringFlag{Name: "prometheus",
				Usage: "write the figures to `FILE` for node_exporter's textfile collector"},
			&cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "of one request: a `DURATION`"},
			proxyFlag,
		),
		Action: func(c *cli.Context) error { return observeCAs(c, now) },
	}
}

func observeCAs(c *cli.Context, now func() time.Time) error {
	conf := observe.Config{State: c.String("state"), Timeout: c.Duration("timeout"), Now: now}
	if conf.Timeout < time.Second {
		return cliexit.UsageError("--timeout must be at least 1s")
	}
	var err error
	if conf.Proxy, err = proxyOf(c); err != nil {
		return err
	}
	if show := cliexit.Progress(c); show != nil {
		conf.Progress = func(done, total int) { show("%s CAs", cliexit.Of(int64(done), int64(total))) }
	}
	found, err := observedGroups(c, &conf, now())
	if err != nil {
		return err
	}
	seen, err := observe.Observe(c.Context, conf)
	if errors.Is(err, observe.ErrLocked) {
		return &cliexit.Error{Code: cliexit.Locked, Err: fmt.Errorf("observing: %w", err)}
	}
	if err != nil {
		return fmt.Errorf("observing: %w", err)
	}
	return deliverObservation(c, report.NewObservation(conf, seen, found))
}

// observedGroups reads from the flags what to look at.
func observedGroups(c *cli.Context, conf *observe.Config, now time.Time) ([]observe.Finding, error) {
	g, err := observedGroup(c)
	if err != nil {
		return nil, err
	}
	file := c.String("list")
	if file == "" {
		switch {
		case len(g.Issuers) == 0:
			return nil,
				cliexit.UsageError("--issuer-certificate is missing: the certificate of the CA to look at, or " +
					"--list, a file of CAs")
		case len(g.Lists)+len(g.Partitions)+len(g.Responders) == 0:
			return nil,
				cliexit.UsageError("--crl and --ocsp are missing: name at least one address, or a --certificate that " +
					"names some")
		}
		conf.Groups = []observe.Group{g}
		return nil, nil
	}
	if len(g.Lists)+len(g.Partitions)+len(g.Responders)+len(g.Certificates) > 0 {
		return nil,
			cliexit.UsageError("--list names the addresses by itself: leave --crl, --partition, --ocsp and " +
				"--certificate away")
	}
	raw, err := regular.ReadFile(file)
	if err != nil {
		return nil, cliexit.UsageError("reading --list: %w", err)
	}
	groups, found, err := observe.ReadList(raw, file, g.Issuers, now)
	if err != nil {
		return nil, cliexit.UsageError("--list %q: %w", file, err)
	}
	conf.Groups = groups
	return found, nil
}

// observedGroup is the CA that the flags name by themselves.
func observedGroup(c *cli.Context) (g observe.Group, err error) {
	for _, x := range []struct {
		flag string
		to   *[]string
	}{{"crl", &g.Lists}, {"partition", &g.Partitions}, {"ocsp", &g.Responders}} {
		for _, address := range c.StringSlice(x.flag) {
			if err := observe.Address(address); err != nil {
				return g, cliexit.UsageError("--%s: %w", x.flag, err)
			}
			*x.to = append(*x.to, address)
		}
	}
	issuers, err := certificateFiles(c, "issuer-certificate")
	if err == nil && len(issuers) > 0 {
		if g.Issuers, err = observe.Authorities(issuers); err != nil {
			err = cliexit.UsageError("--issuer-certificate: %w", err)
		}
	}
	if err == nil {
		g.Certificates, err = certificateFiles(c, "certificate")
	}
	if err != nil {
		return g, err
	}
	for _, cert := range g.Certificates {
		if _, err := observe.IssuerOf(g.Issuers, cert); err != nil {
			return g, cliexit.UsageError("--certificate: %w", err)
		}
	}
	g.Addressed()
	return g, nil
}

func certificateFiles(c *cli.Context, flag string) (all []*x509.Certificate, err error) {
	for _, file := range c.StringSlice(flag) {
		raw, err := regular.ReadFile(file)
		if err != nil {
			return nil, cliexit.UsageError("reading --%s: %w", flag, err)
		}
		certs, err := observe.Certificates(raw)
		if err != nil {
			return nil, cliexit.UsageError("--%s %q: %w", flag, file, err)
		}
		all = append(all, certs...)
	}
	return all, nil
}

// deliverObservation writes the observation in the forms that the flags ask for.
func deliverObservation(c *cli.Context, o *report.Observation) error {
	var figures, answer bytes.Buffer
	err := errors.Join(o.WritePrometheus(&figures), o.WriteJSON(&answer))
	if file := c.String("prometheus"); err == nil && file != "" {
		err = durable.WriteFile(file, figures.Bytes(), 0o644)
	}
	if file := c.String("report"); err == nil && file != "" {
		err = durable.WriteFile(file, answer.Bytes(), 0o644)
	}
	if file := c.String("html"); err == nil && file != "" {
		err = writeHTML(file, o)
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		_, err = c.App.Writer.Write(answer.Bytes())
	} else {
		err = o.WriteText(c.App.Writer)
	}
	if err == nil && !o.OK {
		err = &cliexit.Error{Code: cliexit.Findings}
	}
	return err
}

// proxyFlag is that of the commands that ask what relying parties would ask.
var proxyFlag = &cli.StringFlag{Name: "proxy",
	Usage: "the `URL` of a proxy; without it none is used, whatever the environment says"}

// proxyOf is the proxy that --proxy names; nil without it, whatever the environment says.
func proxyOf(c *cli.Context) (*url.URL, error) {
	p := c.String("proxy")
	if p == "" {
		return nil, nil
	}
	if err := observe.Address(p); err != nil {
		return nil, cliexit.UsageError("--proxy: %w", err)
	}
	return url.Parse(p)
}
